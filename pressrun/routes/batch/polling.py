"""One look at several batches, and what each watch decides after it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import openai
from openai import OpenAI

from pressrun.errors import Unreadable
from pressrun.routes.batch.view import BatchView, list_batches, look
from pressrun.routes.batch.watch import BatchWatch, Decision

__all__ = ["look_all", "look_watched"]


def look_all(client: OpenAI, batch_ids: Iterable[str]) -> dict[str, BatchView]:
    """One poll of several batches; one of which nothing could be read has the status `unknown`, which is never final.

    A batch that the provider does not have is not in the result.
    """
    unread = BatchView(batch_id="", status="unknown", created_at=None)
    return {
        batch_id: unread.model_copy(update={"batch_id": batch_id}) if isinstance(seen, Unreadable) else seen
        for batch_id, seen in _look_each(client, batch_ids).items()
    }


def _look_each(client: OpenAI, batch_ids: Iterable[str]) -> dict[str, BatchView | Unreadable]:
    """One poll of several batches, with one call for each hundred that the provider lists.

    Batches missing from the list (it may lag or fail, and only part of it is read) are requested by id; a batch that
    cannot be found by id either (404) is not in the result.
    """
    wanted = set(batch_ids)
    found: dict[str, BatchView | Unreadable] = {}
    if len(wanted) > 1:
        with suppress(Unreadable, openai.InternalServerError):
            found |= _in_list(client, wanted)
    for batch_id in sorted(wanted - found.keys()):
        try:
            found[batch_id] = look(client, batch_id)
        except openai.NotFoundError:
            continue
        except Unreadable as error:
            found[batch_id] = error
    return found


def _in_list(client: OpenAI, wanted: set[str]) -> dict[str, BatchView]:
    found: dict[str, BatchView] = {}
    for view in list_batches(client):
        if view.batch_id in wanted and view.status != "unknown":
            found[view.batch_id] = view
            if len(found) == len(wanted):
                break
    return found


def look_watched(client: OpenAI, watches: Mapping[str, BatchWatch]) -> tuple[dict[str, BatchView], dict[str, Decision]]:
    """One look at all batches, and what each watch makes of it."""
    try:
        seen = _look_each(client, watches)
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
