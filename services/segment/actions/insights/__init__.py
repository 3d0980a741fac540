"""Insights: charts over everything that viewers did, and the viewers behind every number, one file per kind."""
