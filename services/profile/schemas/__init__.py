"""Shapes at profile's HTTP doors, one file per noun."""
