"""A provider's JSON replies and lists.

Invariant: a reply that is not what was asked for (a web page, an error with status 200) is `Unreadable`, never an empty
answer, so that it cannot mean "no such batch". A list is read to its end, and one that has no end is left.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
from openai import OpenAI

from pressrun.errors import Unreadable
from pressrun.reasons import reason
from pressrun.wire import ident, moment, read_json, rows

__all__ = ["Page", "Reply", "by_our_clock", "listed", "pages", "provider_date", "read_reply"]

TOLERANCE = timedelta(seconds=10)
"""Differences between the provider's clock and ours that are ignored: a `Date` has whole seconds, a reply travels."""


class Reply(NamedTuple):
    """A JSON object that a provider sent."""

    body: dict[str, Any]
    """A bare list is its `data`."""
    ahead: timedelta
    """How far the provider's clock is ahead of ours, by the reply's `Date` header; 0 without one."""


class Page(NamedTuple):
    """One page of a list."""

    records: list[dict[str, Any]]
    """Those with an id that is on no earlier page; the id is text."""
    ahead: timedelta
    is_last: bool
    """Whether the server has no more records. A list may stop without: when a page brings nothing new."""


def read_reply(response: httpx2.Response) -> Reply:
    """The JSON object of a reply. Raises `Unreadable`, also for an error that came with a status of success."""
    content = response.content.strip()
    body = read_json(b'{"data":' + content + b"}" if content.startswith(b"[") else content)
    if body is None:
        raise Unreadable("The provider's response is not a JSON object.")
    if body.get("error") and not body.keys() & {"id", "data"}:
        said = reason(body).message or "no reason given"
        raise Unreadable(f"The provider's response is an error with HTTP {response.status_code}: {said}")
    date = provider_date(response.headers)
    ahead = date - datetime.now(UTC) if date else timedelta(0)
    return Reply(body, ahead if abs(ahead) > TOLERANCE else timedelta(0))


def provider_date(headers: httpx2.Headers) -> datetime | None:
    """When a reply was made, by its `Date`; the last one, if gateways on the way have added theirs in front."""
    dates = headers.get_list("date")
    return moment(dates[-1]) if dates else None


def by_our_clock(told: Any, ahead: timedelta) -> datetime | None:
    """A time that a provider wrote, as aware UTC; `ahead` is how far its clock is ahead of ours."""
    read = moment(told)
    try:
        return read - ahead if read else None
    except OverflowError:
        return None


def pages(client: OpenAI, path: str, size: int) -> Iterator[Page]:
    """The pages of a list, until the server has no more or a page brings nothing new.

    Where the server does not say whether it has more, only the latter ends the list: it may ignore the `limit`.

    Raises `Unreadable`, and the openai SDK's errors.
    """
    known: set[str] = set()
    after = ""
    while True:
        separator = "&" if "?" in path else "?"
        reply = read_reply(client.get(f"{path}{separator}limit={size}{after}", cast_to=httpx2.Response))
        records = [{**record, "id": ident(record.get("id"))} for record in rows(listed(reply, path))]
        new = {record["id"]: record for record in records if record["id"] and record["id"] not in known}
        told = reply.body.get("has_more")
        is_last = not new if told is None else not _is_true(told)
        yield Page(list(new.values()), reply.ahead, is_last)
        if is_last or not new:
            return
        known |= new.keys()
        after = f"&after={quote(ident(reply.body.get('last_id')) or list(new)[-1], safe='')}"


def listed(reply: Reply, path: str) -> list[Any]:
    """The `data` of a list; null is an empty list where the reply says that it is one. Raises `Unreadable`."""
    data = reply.body.get("data")
    if data is None and (reply.body.get("object") == "list" or "has_more" in reply.body):
        return []
    if not isinstance(data, list):
        raise Unreadable(f"The provider's response to GET {path.partition('?')[0]} is not a list.")
    return data


def _is_true(told: Any) -> bool:
    return told is True or str(told).lower() in ("true", "1")
