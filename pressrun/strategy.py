"""`BatchStrategy`: which step takes which route, and why.

Invariant: policy comes before preference, and what the model can do comes before both; a route that is not what was
asked for always carries the reason, and a policy that cannot be kept is refused rather than bent.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pressrun.calls import Frozen, Route, StepName
from pressrun.durations import Duration
from pressrun.errors import ProviderUnfit
from pressrun.files import load_model

__all__ = ["BatchStrategy", "Policy", "Preference", "StepRoute", "load_strategy"]


class Policy(StrEnum):
    """What may be done with a step, whatever is preferred."""

    ALWAYS_BATCH = "always_batch"
    USER_CHOICE = "user_choice"
    NEVER_BATCH = "never_batch"


class Preference(StrEnum):
    """What decides where the policy leaves the choice."""

    SPEED = "speed"
    BALANCED = "balanced"
    COST = "cost"


BALANCED_TO_BATCH = frozenset({StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO})
"""The brief's hybrid: people wait for the configuration and look at the images; the other text can wait."""


class StepRoute(Frozen):
    """The route that one step takes, with the reason that a person reads in the run."""

    step: StepName
    model: str
    route: Route
    reason: str


class BatchStrategy(BaseModel):
    """Policies by step, a preference, and how long a batch may be waited for.

    The brief's own file, `{"batch_strategy": {...}}`, loads as it is; so do the bare fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preference: Preference = Field(
        Preference.BALANCED,
        title="Preference",
        description="speed: real time wherever allowed. balanced: text by batch, the configuration and the images in "
        "real time. cost: by batch wherever allowed and possible.",
    )
    config: Policy = Field(Policy.USER_CHOICE, title="08 configuration")
    articles: Policy = Field(Policy.USER_CHOICE, title="09 articles")
    images: Policy = Field(Policy.USER_CHOICE, title="10 images")
    descriptions: Policy = Field(Policy.USER_CHOICE, title="10 image descriptions")
    seo: Policy = Field(Policy.USER_CHOICE, title="10 SEO meta tags")
    max_wait_time: Duration = Field(
        timedelta(hours=24),
        title="Maximum wait",
        description="How long a batch may take, counted from its creation, before the rest is done in real time: "
        "6h, 90m, 6_hours or PT6H.",
    )

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, data: Any) -> Any:
        if isinstance(data, dict) and set(data) == {"batch_strategy"}:
            return data["batch_strategy"]
        return data

    def policy(self, step: StepName) -> Policy:
        policy: Policy = getattr(self, step)
        return policy

    def resolve(self, step: StepName, model: str, *, batchable: bool) -> StepRoute:
        """The route of one step on a model that can (or cannot) be asked by batch.

        Raises `ProviderUnfit` when the step must go by batch and the model cannot.
        """
        policy = self.policy(step)
        if policy is Policy.ALWAYS_BATCH and not batchable:
            raise ProviderUnfit(
                f"{step}: the strategy says always_batch, but {model} has no batch price or endpoint. Nothing was "
                f"spent. Choose another model, or say user_choice or never_batch for {step}."
            )
        route, reason = self._choose(step, policy, model, batchable=batchable)
        return StepRoute(step=step, model=model, route=route, reason=reason)

    def _choose(self, step: StepName, policy: Policy, model: str, *, batchable: bool) -> tuple[Route, str]:
        if policy is Policy.ALWAYS_BATCH:
            return Route.BATCH, "policy always_batch"
        if policy is Policy.NEVER_BATCH:
            return Route.REALTIME, "policy never_batch"
        wants_batch = self.preference is Preference.COST or (
            self.preference is Preference.BALANCED and step in BALANCED_TO_BATCH
        )
        if wants_batch and not batchable:
            return Route.REALTIME, f"preference {self.preference} would batch it, but {model} cannot be batched"
        if wants_batch:
            return Route.BATCH, f"preference {self.preference}: half price, and it can wait"
        if self.preference is Preference.SPEED:
            return Route.REALTIME, "preference speed: done at once"
        return Route.REALTIME, "preference balanced: someone is waiting to see it"


def load_strategy(path: Path) -> BatchStrategy:
    """Read a strategy file (YAML or JSON). Raises `BadBrief` with every fault and its line."""
    return load_model(path, BatchStrategy)
