"""Runs the gateway: `python -m gateway`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from gateway.app import create
    from gateway.settings import Settings
    from shared.serve import serve

    serve("gateway", Settings(), create)
