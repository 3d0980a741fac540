"""Run segment: `python -m services.segment`."""

from services.segment.app import create
from services.segment.settings import Settings
from shared.serve import serve

if __name__ == "__main__":
    serve("segment", Settings(), create)
