"""Pressrun: content websites from language models, with one merged batch and honest costs.

This package is pure: it imports neither prefect nor the `tasks` and `flows` built on it.
"""

__version__ = "0.1.0"
