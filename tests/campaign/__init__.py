"""Tests of campaign, room by room."""
