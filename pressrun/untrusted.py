"""Text from outside (a model, a provider, a client's brief), made fit for a terminal, a database and a report.

Invariant: what comes out has no character that steers a terminal or the direction of the text, nothing that cannot be
stored as UTF-8 in PostgreSQL, and no secret of this process.
"""

import os
import re
from typing import Any

__all__ = ["clean", "clean_name", "hide", "redacted", "redacted_json", "safe", "short"]

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u180e\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
"""C0 and C1 controls except tab and LF, the overrides and isolates of the bidirectional algorithm (Unicode UAX #9),
characters that only hide, halves of surrogate pairs, and two that XML cannot carry. A CR goes as well: JSON text uses
LF."""
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2028\u2029\u2060-\u2064\ufeff]")
"""Characters without a width, which make two different names look the same."""
KEY = re.compile(r"\b(?:(?:sk|pk|rk|gsk|xai|whsec)[-_]|AIza)[A-Za-z0-9_\-*]{6,}")
"""Keys as providers write them, also partly masked (`sk-abc***xyz`)."""
AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
USERINFO = re.compile(r"(?<=://)[^\s/@]{1,300}@")
SECRETS = ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
"""Variables whose value is never repeated."""
SHORTEST_SECRET = 6
"""A shorter value of such a variable would hide ordinary words."""
HIDDEN = "[hidden]"
DEEPEST = 20
"""Levels of JSON that are searched; an error that is nested deeper is not shown."""

_hidden: set[str] = set()
"""Secrets that come from elsewhere than the environment, such as a `.env` file."""


def clean(text: str) -> str:
    """The text without control characters; line ends and tabs stay."""
    return CONTROL.sub("", text) if CONTROL.search(text) else text


def clean_name(text: str) -> str:
    """A name or title on one line, without control characters and invisible ones."""
    return " ".join(INVISIBLE.sub("", clean(text)).split())


def hide(secret: str) -> None:
    """From now on, `redacted` hides this secret too."""
    _hidden.add(secret.strip())


def redacted(text: str) -> str:
    """The text with every key, password in a URL and secret of this process hidden."""
    secrets = _hidden | {os.environ.get(name, "").strip() for name in SECRETS}
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
    return KEY.sub(HIDDEN, USERINFO.sub(f"{HIDDEN}@", text))


def redacted_json(value: Any, levels: int = DEEPEST) -> Any:
    """JSON with every text redacted, names included."""
    if isinstance(value, str):
        return redacted(value)
    if not isinstance(value, list | dict):
        return value
    if not levels:
        return HIDDEN
    if isinstance(value, list):
        return [redacted_json(part, levels - 1) for part in value]
    return {redacted(name): redacted_json(part, levels - 1) for name, part in value.items()}


def safe(text: str) -> str:
    """The text, fit to be stored and shown: without control characters and secrets."""
    return redacted(clean(text))


def short(text: str, limit: int = 500) -> str:
    """At most `limit` characters, with an ellipsis in place of the rest."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
