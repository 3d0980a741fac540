"""Runs the console: `python -m gateway.console`."""

from __future__ import annotations

from gateway.console.app import create
from gateway.console.settings import Settings
from shared.serve import serve

if __name__ == "__main__":
    serve("console", Settings(), create)
