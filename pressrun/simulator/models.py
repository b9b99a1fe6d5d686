"""Which models the simulated provider has, and what each of them accepts.

Invariant: this data is the server's own. It never reads the client's list of models, so that a client's wrong
assumptions about a model are detected. Source: SDK openai 3.54.0 and OpenAI's deprecation and model pages, as of
2026-11-23; where nothing is published, the stricter reading applies.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pressrun.simulator.errors import ApiError

__all__ = ["Model", "available_models", "find_model", "require_kind", "today"]

UNKNOWN_LAUNCH = 1_767_225_600
"""2026-01-01 as Unix seconds: stands in `created`, as launch dates are not part of the data."""


class Model(BaseModel):
    """One model; text models have efforts, temperature and tiers, image models sizes and qualities."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Literal["text", "image"]
    batch: bool
    """Whether the Batch API accepts it."""
    shutdown: date | None
    """From this day on it no longer answers."""
    efforts: tuple[str, ...] = ()
    """Values of `reasoning_effort`; none for models that do not reason."""
    default_effort: str | None = None
    temperature: Literal["any", "default_only", "no_effort_only"] = "any"
    """Whether temperature and top_p may differ from 1: always, never, or only with reasoning effort `none`."""
    tiers: tuple[str, ...] = ("default",)
    max_output_tokens: int = 0
    bills_cache_writes: bool = False
    """Whether tokens written to the prompt cache are reported (and billed) separately, as since gpt-5.6."""
    image_tokens: int = 308
    """Input tokens of an image at detail `low`. 308 is 256 patches of 32 x 32 pixels at 1.2 tokens each, as measured on
    gpt-5.2 and gpt-5.6-sol; the data has what OpenAI's guide "Images and vision" tells of single models."""
    any_size: bool = False
    """Whether images of any size within the limits are made, or only the three standard sizes."""
    qualities: tuple[str, ...] = ()
    complexity: bool = False

    def is_retired(self, day: date) -> bool:
        return self.shutdown is not None and self.shutdown <= day

    def wire(self) -> dict[str, Any]:
        """The object that GET /v1/models/{id} returns."""
        return {
            "id": self.id,
            "object": "model",
            "created": UNKNOWN_LAUNCH,
            "owned_by": "pressrun-simulator",
            "shutdown_date": self.shutdown.isoformat() if self.shutdown else None,
        }


def today() -> date:
    return datetime.now(UTC).date()


def find_model(model_id: object, day: date) -> Model:
    """The model with this name. Raises `ApiError` 404 model_not_found when it is unknown or retired by `day`."""
    model = _models().get(model_id) if isinstance(model_id, str) else None
    if model is None or model.is_retired(day):
        raise ApiError(
            404,
            f"The model '{model_id}' does not exist or you do not have access to it.",
            code="model_not_found",
            param="model",
        )
    return model


def require_kind(model: Model, kind: Literal["text", "image"]) -> None:
    """Raise `ApiError` 400 when images are requested from a text model, or text from an image model."""
    if model.kind != kind:
        asked = "images/generations" if kind == "image" else "chat/completions"
        raise ApiError(
            400, f"The model '{model.id}' is not supported by v1/{asked}.", code="invalid_value", param="model"
        )


def available_models(day: date) -> Iterator[Model]:
    return (model for model in _models().values() if not model.is_retired(day))


@cache
def _models() -> dict[str, Model]:
    data = json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))
    return {name: Model(id=name, **fields) for name, fields in data.items()}
