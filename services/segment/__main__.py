"""Run segment: `python -m services.segment`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from services.segment.app import create
    from services.segment.settings import Settings
    from shared.serve import serve

    serve("segment", Settings(), create)
