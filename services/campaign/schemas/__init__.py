"""Shapes at campaign's HTTP door."""
