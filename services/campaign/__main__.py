"""Run campaign: `python -m services.campaign`."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # What is imported stays: looking for garbage among it is a tenth of the start. Serving turns it on.
    gc.disable()
    from services.campaign.app import create
    from services.campaign.settings import CampaignSettings
    from shared.serve import serve

    serve("campaign", CampaignSettings(), create)
