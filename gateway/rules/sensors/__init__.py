"""神策 (Sensors Analytics) records as our calls: who is meant, what was done, what is set, and preset properties."""

from gateway.rules.sensors.batches import many, records, token

__all__ = ["many", "records", "token"]
