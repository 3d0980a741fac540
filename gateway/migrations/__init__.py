"""Schema changes of the gateway's database."""
