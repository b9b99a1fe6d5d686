"""The routes that answer calls, built on the openai SDK; a new route is a new file."""
