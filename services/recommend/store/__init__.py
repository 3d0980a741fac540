"""Every SQL statement of recommend, by noun."""

from services.recommend.store import decisions, feedback, items, placements, popularity, viewers

__all__ = ["decisions", "feedback", "items", "placements", "popularity", "viewers"]
