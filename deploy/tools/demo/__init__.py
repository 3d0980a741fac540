"""The demo: a simulated video platform, the same for the same seed, whose truths are planted and written down."""

from deploy.tools.demo.command import main

__all__ = ["main"]
