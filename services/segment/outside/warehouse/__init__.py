"""Whole-audience questions: a DuckDB file derived from the service's tables, in one process of its own (see client)."""
