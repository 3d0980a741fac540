"""Tests of profile, room by room."""
