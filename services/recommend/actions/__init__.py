"""What recommend can do; one function is one transaction."""
