"""The base of all value objects."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen"]


class Frozen(BaseModel):
    """Base of all value objects: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
