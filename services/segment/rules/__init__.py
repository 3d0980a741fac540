"""Pure decisions: how a rule becomes an expression, and which segments a change can touch."""
