"""One look at the batches that are waited for, and what each watch decides after it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import openai
from openai import OpenAI

from pressrun.errors import Unreadable
from pressrun.routes.batch.view import BatchView, look_all
from pressrun.routes.batch.watch import BatchWatch, Decision

__all__ = ["look_watched"]


def look_watched(client: OpenAI, watches: Mapping[str, BatchWatch]) -> tuple[dict[str, BatchView], dict[str, Decision]]:
    """One look at all batches, and what each watch makes of it."""
    try:
        views = look_all(client, watches)
    except (openai.APIError, Unreadable) as error:
        now = datetime.now(UTC)
        return {}, {batch_id: watch.on_error(error, now) for batch_id, watch in watches.items()}
    now = datetime.now(UTC)
    return views, {
        batch_id: watch.on_status(views[batch_id], now) if batch_id in views else watch.on_absence(now)
        for batch_id, watch in watches.items()
    }
