"""Run recommend: `python -m services.recommend`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from services.recommend.app import create
    from services.recommend.settings import Settings
    from shared.serve import serve

    serve("recommend", Settings(), create)
