"""Adapters to foreign systems."""
