"""What profile reads from foreign formats."""
