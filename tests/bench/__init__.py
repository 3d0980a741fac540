"""Measurements, each beside a bare baseline taken in the same run: `./marquee bench <name> [--json]`."""
