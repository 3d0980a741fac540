"""Ways to run Marquee: the one local command, containers, and the tools that load data into it."""
