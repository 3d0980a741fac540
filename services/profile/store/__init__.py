"""Every SQL statement of profile. Whole batches travel as arrays: a handful of statements, never one per event."""
