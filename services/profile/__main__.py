"""Run profile: `python -m services.profile`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from services.profile.app import create
    from shared.serve import serve
    from shared.settings import Settings

    serve("profile", Settings(), create)
