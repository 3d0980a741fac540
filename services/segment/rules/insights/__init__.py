"""Decisions of insights on plain data: local periods, cells as rules, and what is told of small samples."""
