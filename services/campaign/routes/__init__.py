"""Door: HTTP. Campaigns, their life, their messages, and what they brought."""

from services.campaign.routes import campaigns, messages, proof, sending, suppressions

ROUTES = (campaigns.router, sending.router, proof.router, messages.router, suppressions.router)
