"""What campaign can do: one function is one transaction."""
