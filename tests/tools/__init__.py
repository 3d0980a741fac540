"""Tests of the command line's tools: import and demo."""
