"""Prefect tasks: retries, caching, persistence and artifacts, a few lines each over the `pressrun` library."""

from tasks.records import read_json_only

read_json_only()
