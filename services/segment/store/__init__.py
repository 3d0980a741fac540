"""Every SQL statement of segment, by noun."""
