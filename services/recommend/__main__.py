"""Run recommend: `python -m services.recommend`."""

from services.recommend.app import create
from services.recommend.settings import Settings
from shared.serve import serve

if __name__ == "__main__":
    serve("recommend", Settings(), create)
