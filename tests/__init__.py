"""Tests: a folder per part of the house, the stories across it, and the harness under them."""
