"""Pure decisions of the gateway: what is a good event, what a key may do, what may be trimmed."""
