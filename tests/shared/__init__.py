"""Tests of the kernel, with toy services on real servers."""
