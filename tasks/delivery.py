"""Writing the bundle as a Prefect task; it is atomic and cheap, so it is simply done again when a run is replayed."""

from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pressrun.bundle import write_bundle
from pressrun.site import Site

__all__ = ["deliver"]


@task(name="deliver-bundle", task_run_name="deliver {site.brief.slug}", cache_policy=NO_CACHE)
def deliver(site: Site, out: Path, extra: dict[str, str], made_at: datetime) -> Path:
    """Write `<out>/<slug>/` and return it."""
    return write_bundle(site, out, extra, made_at=made_at)
