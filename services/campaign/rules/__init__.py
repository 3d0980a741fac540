"""Pure decisions of campaign on plain data; time is an argument."""
