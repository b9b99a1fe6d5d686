"""What OpenAI's models support and until when: kind, batch, reasoning efforts, shutdown.

Invariant: what is not in the table is unknown, never assumed: no optional parameter is sent to an unknown model, and no
verdict is given. The table is `models.json`; every entry names its source, and the table its date (`as_of`). A shutdown
date from the provider's own list takes precedence.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple, get_args

from pressrun.frozen import Frozen

__all__ = [
    "Effort",
    "ModelInfo",
    "ModelKind",
    "ModelNotice",
    "ModelTable",
    "Shutdown",
    "check_models",
    "costs_more_by_region",
    "legal_effort",
    "model_info",
    "model_table",
    "shutdown",
    "undated",
]

WARNING_TIME = timedelta(days=90)
"""How long before a shutdown the warnings begin: enough time to try a replacement on a real site."""

DEARER_SINCE = date(2026, 3, 5)
"""OpenAI's regional addresses cost 10 % more for models released on or after this day
(https://developers.openai.com/api/docs/guides/data-residency, read on 2026-11-28)."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""Values of `reasoning_effort`, from least to most (openai-python 3.54.0, `ReasoningEffort`)."""

EFFORTS: tuple[str, ...] = get_args(Effort)


class ModelKind(StrEnum):
    """What a model generates."""

    TEXT = "text"
    IMAGE = "image"


class ModelInfo(Frozen):
    """What is known of one model."""

    kind: ModelKind
    batch: bool
    """Whether it is available in the Batch API."""
    released: date | None
    """The day of its release; None when it is not known."""
    shutdown: date | None
    """First day (UTC) on which it no longer answers; None when no date is announced."""
    replacement: str | None
    """The replacement that the provider recommends."""
    efforts: tuple[Effort, ...]
    """Valid values of `reasoning_effort`; empty: the parameter must not be sent."""
    source: str
    """The source of this entry."""


class ModelTable(Frozen):
    """The whole of `models.json`."""

    as_of: date
    """The day on which the data was collected."""
    released: str
    """The source of the release dates."""
    models: dict[str, ModelInfo]


class Shutdown(NamedTuple):
    """The end of a model."""

    day: date
    """First day (UTC) on which it no longer answers."""
    by_provider: bool
    """Whether the date is from the provider; otherwise it is from our table."""


class ModelNotice(NamedTuple):
    """A warning about a model before it is used."""

    model: str
    refused: bool
    """True: it no longer answers. False: only a warning."""
    text: str
    """What is wrong and what to use instead."""


@cache
def model_table() -> ModelTable:
    """The bundled table."""
    return ModelTable.model_validate_json(resources.files("pressrun").joinpath("models.json").read_text("utf-8"))


def undated(model: str) -> str:
    """The model's name without a snapshot date: `gpt-6-luna-2026-09-01` -> `gpt-6-luna`."""
    return re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)


def model_info(model: str) -> ModelInfo | None:
    """What is known about a model, or None (a compatible server's own model, or one newer than the table)."""
    models = model_table().models
    return models.get(model) or models.get(undated(model))


def costs_more_by_region(model: str) -> bool | None:
    """Whether OpenAI's regional addresses charge more for a model; None when its release date is not known."""
    info = model_info(model)
    return info.released >= DEARER_SINCE if info and info.released else None


def legal_effort(model: str, wanted: str) -> str | None:
    """The `reasoning_effort` to send: `wanted` if the model accepts it, otherwise the next higher one it accepts.

    None means that the parameter must not be sent: the model is unknown, or accepts no effort this high. Raises
    `ValueError` when `wanted` is not a valid effort.
    """
    enough = EFFORTS[EFFORTS.index(wanted) :]
    info = model_info(model)
    legal = info.efforts if info else ()
    return next((effort for effort in enough if effort in legal), None)


def shutdown(model: str, told: Mapping[str, date] = {}) -> Shutdown | None:
    """When a model ends, or None when no date is known.

    `told` is the provider's own list (`Provider.shutdowns`). It has only dates, so for a model that it does not list,
    our table's date still applies.
    """
    day = told.get(model) or told.get(undated(model))
    if day:
        return Shutdown(day, by_provider=True)
    info = model_info(model)
    return Shutdown(info.shutdown, by_provider=False) if info and info.shutdown else None


def check_models(models: Iterable[str], today: date, told: Mapping[str, date] = {}) -> list[ModelNotice]:
    """Notices on retired models and on those that shut down within 90 days of `today` (UTC), each model once.

    `told`: the shutdown dates from the provider's own list.
    """
    notices = (_notice(model, today, told) for model in dict.fromkeys(models))
    return [notice for notice in notices if notice]


def _notice(model: str, today: date, told: Mapping[str, date]) -> ModelNotice | None:
    end = shutdown(model, told)
    if end is None or end.day - today > WARNING_TIME:
        return None
    info = model_info(model)
    instead = f"Use {info.replacement} instead." if info and info.replacement else "Choose a current model instead."
    by = ", according to the provider's own list" if end.by_provider else ""
    if end.day <= today:
        return ModelNotice(model, True, f"{model} was shut down on {end.day}{by}. {instead}")
    days = (end.day - today).days
    left = "tomorrow" if days == 1 else f"in {days} days"
    return ModelNotice(model, False, f"{model} shuts down on {end.day}, {left}{by}. {instead}")
