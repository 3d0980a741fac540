"""Segments: the list with size, trend and freshness; the builder; and one segment with all that belongs to it."""

from __future__ import annotations

from gateway.console.pages.segments import importing, listing, making, one

__all__ = ["importing", "listing", "making", "one"]
