"""Prefect flows: what people start."""
