"""Prefect tasks: retries, caching, persistence and artifacts, a few lines each over the `pressrun` library."""
