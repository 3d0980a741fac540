"""Shapes at the HTTP door: the rule language, and segments with their members."""
