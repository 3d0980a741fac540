"""Stories: sentences across services, told to the real suite."""
