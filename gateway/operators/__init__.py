"""Door and actions of people's accounts: they sign in, an admin makes and changes them."""

from gateway.operators.accounts import make_first
from gateway.operators.routes import SEAT, VOUCHED, router
from gateway.operators.sessions import seated

__all__ = ["SEAT", "VOUCHED", "make_first", "router", "seated"]
