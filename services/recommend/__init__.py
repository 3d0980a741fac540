"""Recommend owns placements, creatives, the catalogue of items, their popularity, and the log of its decisions.

It hears identities (profile), segment memberships (segment) and events (profile). It tells the items that
changed, and answers `decide` and `items` from memory.
"""
