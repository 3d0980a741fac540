"""What profile can do; one function is one transaction."""
