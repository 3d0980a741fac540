"""Run profile: `python -m services.profile`."""

from services.profile.app import create
from shared.serve import serve
from shared.settings import Settings

if __name__ == "__main__":
    serve("profile", Settings(), create)
