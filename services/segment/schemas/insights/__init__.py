"""Shapes of insights at the HTTP door: one file per kind of chart."""
