"""Marquee on one machine: embedded servers, the five processes, and the commands around them."""
