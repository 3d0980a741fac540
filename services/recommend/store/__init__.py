"""Every SQL statement of recommend, by noun."""

from services.recommend.store import choices, decisions, feedback, items, placements, popularity, viewers

__all__ = ["choices", "decisions", "feedback", "items", "placements", "popularity", "viewers"]
