"""Writing the bundle as a Prefect task, locally or to remote storage; it is repeated when a run is replayed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from pressrun.bundle import write_bundle
from pressrun.bundle.assemble import identity_of
from pressrun.bundle.handover import hand_over
from pressrun.bundle.remote import local_folder, upload_folder
from pressrun.errors import DeliveryFailed, Occupied
from pressrun.manifest import Decision
from pressrun.site import Site
from tasks.logs import say

__all__ = ["deliver", "deliver_approved"]


def _may_help(_task: Any, _run: TaskRun, state: State) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, DeliveryFailed) and not isinstance(error, Occupied)


@contextmanager
def _writing_to(out: str) -> Iterator[None]:
    """Turn an error of the file system into `DeliveryFailed`."""
    try:
        yield
    except OSError as error:
        raise DeliveryFailed(
            f"The bundle could not be written to {out} ({error}). Everything paid for is kept. Run again to deliver it."
        ) from error


@task(
    name="deliver-bundle",
    task_run_name="deliver {site.brief.slug}",
    retries=3,
    retry_delay_seconds=[2, 10, 30],
    retry_condition_fn=_may_help,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def deliver(site: Site, out: str, extra: dict[str, str], made_at: datetime) -> str:
    """Write the bundle to `<out>/<slug>`, and return its absolute path or URL; see `placing` for what is there already.

    Raises `DeliveryFailed`.
    """
    folder = local_folder(out)
    if folder is not None:
        with _writing_to(out):
            return str(write_bundle(site, folder, extra, made_at=made_at, report=say).resolve())
    with TemporaryDirectory(prefix="pressrun-") as here:
        written = write_bundle(site, Path(here), extra, made_at=made_at)
        return upload_folder(written, f"{out.rstrip('/')}/{site.brief.slug}", identity_of(site), say)


@task(name="deliver-approved", task_run_name="deliver {target.name}", persist_result=False, cache_policy=NO_CACHE)
def deliver_approved(preview: Path, target: Path, decision: Decision) -> Path:
    """Deliver to `target` what was shown at `preview`, with the decision in its manifest. Returns the folder.

    Raises `StepFailed` and `DeliveryFailed`.
    """
    with _writing_to(str(target.parent)):
        return hand_over(preview, target, decision, say)
