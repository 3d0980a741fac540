"""Campaign's schema, step by step."""
