"""Campaigns: the list, the steps in which one is made, its progress while it sends, and what it brought."""

from __future__ import annotations

from gateway.console.pages.campaigns.listing import campaigns
from gateway.console.pages.campaigns.making import edit, new
from gateway.console.pages.campaigns.one import campaign, campaign_tab

__all__ = ["campaign", "campaign_tab", "campaigns", "edit", "new"]
