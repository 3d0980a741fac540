"""The steps of making a campaign, each a page of its own."""
