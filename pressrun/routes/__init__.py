"""The ways to get calls answered, over the openai SDK; a new route is a new file."""
