"""Run campaign: `python -m services.campaign`."""

from services.campaign.app import create
from services.campaign.settings import CampaignSettings
from shared.serve import serve

if __name__ == "__main__":
    serve("campaign", CampaignSettings(), create)
