"""Tests of the one command, its servers, its supervisor and the containers."""
