"""Pure decisions of profile: who it is, which trait wins, what is contact data."""
