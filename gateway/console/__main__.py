"""Runs the console: `python -m gateway.console`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from gateway.console.app import create
    from gateway.console.settings import Settings
    from shared.serve import serve

    serve("console", Settings(), create)
