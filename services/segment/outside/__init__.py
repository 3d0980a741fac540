"""Adapters to foreign systems: the warehouse, a DuckDB file in a process of its own."""
