"""The services: each owns its database, and meets the others only in the shared words."""
