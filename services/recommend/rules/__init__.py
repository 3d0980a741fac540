"""Pure decisions of recommend: who sees which creative, and how much an event says for an item."""

from services.recommend.rules import creatives, feedback, popularity, tokens, visitors

__all__ = ["creatives", "feedback", "popularity", "tokens", "visitors"]
