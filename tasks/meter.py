"""Shows the progress of a batch: in a Prefect progress artifact, the log, and to listeners in this process.

Invariant: it never shows 100 % before the batch has ended: a batch that is `finalizing` has all lines done and may
still take hours.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from pressrun.progress import BatchSeen, tell
from pressrun.routes.batch import BatchTicket, BatchView, expected_finish
from pressrun.sharding import Shard
from tasks.alerts import alert_of_wait
from tasks.keys import once_per_run

__all__ = ["Meter"]


@task(
    name="start-progress",
    task_run_name="start progress {key}",
    persist_result=True,
    result_serializer="json",
    cache_key_fn=once_per_run,
)
def start_progress(key: str, description: str) -> str:
    """A progress artifact at 0, created once per run; returns its id."""
    return str(create_progress_artifact(progress=0.0, key=key, description=description))


@dataclass
class Meter:
    """The progress of one batch."""

    shard: Shard
    ticket: BatchTicket
    deadline: datetime
    last: tuple[str, int, bool] | None = field(default=None)

    def __post_init__(self) -> None:
        key = f"batch-{self.shard.sites[0]}-{self.shard.key[:8]}"
        self.artifact = UUID(start_progress(key, self._title))

    @property
    def _title(self) -> str:
        return f"{self.shard.title} ({self.ticket.batch_id})"

    def show(self, view: BatchView) -> None:
        """Report a poll, if something has changed since the last one."""
        alert_of_wait(view, self.deadline)
        expected = expected_finish(view, datetime.now(UTC))
        tell(
            BatchSeen(
                batch_id=view.batch_id,
                status=view.status,
                completed=view.completed,
                failed=view.failed,
                total=view.total,
                deadline=self.deadline,
                expected=expected,
            )
        )
        # Files may lag behind the status; until they exist, the batch has not ended for us.
        has_ended = view.is_terminal and (view.is_whole or view.is_refused)
        if self.last == (view.status, view.done, has_ended):
            return
        total = len(self.shard.ids)
        if self.last is None or self.last[0] != view.status:
            # The number of finished lines is only in the progress artifact: the log would get hundreds of lines.
            status = view.status.replace("_", " ")
            get_run_logger().info("Batch %s is %s: %d of %d done", view.batch_id, status, view.done, total)
        self.last = (view.status, view.done, has_ended)
        update_progress_artifact(
            artifact_id=self.artifact,
            progress=100.0 if has_ended else min(99.0, 100.0 * view.done / total),
            description=f"{view.done} of {total} done, {view.status}{self._when(view, expected)}: {self._title}",
        )

    def _when(self, view: BatchView, expected: datetime | None) -> str:
        if view.is_terminal:
            return ""
        about = f", expected by {expected:%H:%M} UTC at this pace" if expected else ""
        return f"{about}; the maximum wait ends {self.deadline:%d %b %H:%M} UTC"
