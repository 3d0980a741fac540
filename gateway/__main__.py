"""Runs the gateway: `python -m gateway`."""

from __future__ import annotations

from gateway.app import create
from gateway.settings import Settings
from shared.serve import serve

if __name__ == "__main__":
    serve("gateway", Settings(), create)
