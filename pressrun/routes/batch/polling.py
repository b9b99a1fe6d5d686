"""One look at the batches that are waited for, and what each watch decides after it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import openai
from openai import OpenAI

from pressrun.errors import Unreadable
from pressrun.routes.batch.view import BatchView, look_each
from pressrun.routes.batch.watch import BatchWatch, Decision

__all__ = ["look_watched"]


def look_watched(client: OpenAI, watches: Mapping[str, BatchWatch]) -> tuple[dict[str, BatchView], dict[str, Decision]]:
    """One look at all batches, and what each watch makes of it."""
    try:
        seen = look_each(client, watches)
    except (openai.APIError, Unreadable) as error:
        now = datetime.now(UTC)
        return {}, {batch_id: watch.on_error(error, now) for batch_id, watch in watches.items()}
    now = datetime.now(UTC)
    decisions = {batch_id: _decide(watch, seen.get(batch_id), now) for batch_id, watch in watches.items()}
    return {batch_id: view for batch_id, view in seen.items() if isinstance(view, BatchView)}, decisions


def _decide(watch: BatchWatch, seen: BatchView | Unreadable | None, now: datetime) -> Decision:
    if isinstance(seen, Unreadable):
        return watch.on_error(seen, now)
    return watch.on_status(seen, now) if seen else watch.on_absence(now)
