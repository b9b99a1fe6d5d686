"""`BatchStrategy`: which step takes which route, and why.

Invariant: policy comes before preference, and what the model can do comes before both; a route that is not what was
asked for always carries the reason, and a policy that cannot be kept is refused rather than bent.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from pressrun.calls import Frozen, Route, StepName
from pressrun.durations import Duration
from pressrun.errors import ProviderUnfit
from pressrun.files import load_model
from pressrun.forms import empty_box, shown

__all__ = ["BatchStrategy", "Leftover", "Policy", "Preference", "RealtimeTier", "StepRoute", "load_strategy"]


class Policy(StrEnum):
    """What may be done with a step, whatever is preferred."""

    ALWAYS_BATCH = "always_batch"
    USER_CHOICE = "user_choice"
    NEVER_BATCH = "never_batch"


class Preference(StrEnum):
    """What matters more, time or money; it decides where the policy leaves the choice."""

    SPEED = "speed"
    BALANCED = "balanced"
    COST = "cost"


class RealtimeTier(StrEnum):
    """What is paid for a step that goes in real time."""

    STANDARD = "standard"
    FLEX = "flex"


class Leftover(StrEnum):
    """What becomes of calls that a batch left unanswered."""

    REALTIME = "realtime"
    """They are done in real time, at the real-time price."""
    RESUBMIT = "resubmit"
    """They go into a batch of their own while the maximum wait lasts; after it, real time."""
    FAIL = "fail"
    """They are missing from the delivery, with the reason; the next run submits them again."""


BALANCED_TO_BATCH = frozenset({StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO})
"""The brief's hybrid: people wait for the configuration and look at the images; the other text can wait."""


FOR_EXPERTS = "How each step is asked. What is left as it is follows the preference."


class StepRoute(Frozen):
    """The route that one step takes, with the reason that a person reads in the run."""

    step: StepName
    model: str
    route: Route
    reason: str
    realtime: Route = Route.REALTIME
    """How those of its calls go that are not batched, or came back from a batch unanswered: REALTIME or FLEX."""


class BatchStrategy(BaseModel):
    """Policies by step, a preference, and how long a batch may be waited for.

    The brief's own file, `{"batch_strategy": {...}}`, loads as it is; so do the bare fields.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", title="Strategy", json_schema_extra=shown(description=FOR_EXPERTS)
    )

    preference: Preference = Field(
        Preference.BALANCED,
        title="Preference",
        description="speed: real time wherever allowed. balanced: text by batch, the configuration and the images in "
        "real time. cost: by batch wherever allowed and possible.",
    )
    config: Policy = Field(
        Policy.USER_CHOICE,
        title="Step 08: configuration",
        description="always_batch: at half the price, later. never_batch: at once. user_choice: as the preference "
        "says. The same for the steps below.",
    )
    articles: Policy = Field(Policy.USER_CHOICE, title="Step 09: articles")
    images: Policy = Field(Policy.USER_CHOICE, title="Step 10: images")
    descriptions: Policy = Field(Policy.USER_CHOICE, title="Step 10: image descriptions")
    seo: Policy = Field(Policy.USER_CHOICE, title="Step 10: SEO meta tags")
    review: Policy = Field(
        Policy.NEVER_BATCH, title="Visual feedback", description="Only with Images to look at, below."
    )
    realtime_tier: RealtimeTier = Field(
        RealtimeTier.STANDARD,
        title="Real-time tier",
        description="What is paid for text that goes in real time. standard: answered at once. flex: at the flex price "
        "(for OpenAI's models that of the batch), within minutes, and at the standard price when flex has no capacity.",
    )
    max_wait_time: Duration = Field(
        timedelta(hours=24),
        title="Maximum wait",
        description="How long a batch may take, counted from its creation, before the rest is done in real time: "
        "6h, 90m, 6_hours or PT6H.",
        json_schema_extra=shown(default="24 hours"),
    )
    on_timeout: Leftover = Field(
        Leftover.REALTIME,
        title="When time runs out",
        description="What becomes of calls that a batch left undone because it expired or reached the maximum wait: "
        "realtime, resubmit (only while the maximum wait lasts, then realtime) or fail (delivered incomplete).",
    )
    on_retryable: Leftover = Field(
        Leftover.REALTIME,
        title="When lines fail",
        description="The same for lines that failed but may succeed (429, 5xx, lost): realtime, resubmit or fail.",
    )
    max_rounds: PositiveInt = Field(
        3, title="Rounds", description="Batches that one call may be in before it is done in real time: 1 or more."
    )
    canary_above: PositiveInt = Field(
        1000,
        title="Canary above",
        description="A batch job of more requests than this sends one request of each model first, so that one bad "
        "parameter cannot fail all of them.",
    )
    pack_items: bool = Field(
        True,
        title="Pack small items",
        description="Ask for all image descriptions, and for all pages' meta tags, in one request each: their context "
        "is sent (and paid) once. Each item is still checked, and asked for again, on its own.",
    )
    share_prefix: bool = Field(
        True,
        title="Cacheable prompts",
        description="Put what all calls of a site have in common first, so that the provider's prompt cache can serve "
        "it at the cached price.",
    )
    fit_effort: bool = Field(
        True,
        title="Effort and caps by step",
        description="Give each step the reasoning effort and the output cap that fit it. Off: the model's default "
        "effort, and a cap that no step reaches.",
    )
    refined_prompts: bool = Field(
        False,
        title="Refined image prompts",
        description="Make the images from the better prompts that the image descriptions bring. The images wait for "
        "the descriptions, so this adds a second wave.",
    )
    review_images: int = Field(
        0,
        ge=0,
        title="Images to look at",
        description="How many finished images a model looks at and scores against the brand: the hero first, then in "
        "the order of the plan. Every image looked at costs one call of the text model. 0: none.",
    )
    regenerate_below: int | None = Field(
        None,
        ge=1,
        le=100,
        title="Make again below",
        description="Images that were looked at and scored less than this (1 to 100) are made once more, from the "
        "better prompt that came with the score. Each costs an image more. Empty: none.",
        json_schema_extra=empty_box(),
    )
    delete_files: bool = Field(
        False,
        title="Delete files",
        description="Delete the batch's input and result files at the provider once its answers are kept here.",
    )
    output_expires_after: Duration | None = Field(
        None,
        title="Result files expire",
        description="How long the provider keeps a batch's result files: 1h to 30 days. Empty: as the provider does.",
        json_schema_extra=empty_box(),
    )

    @field_validator("output_expires_after")
    @classmethod
    def _within_bounds(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and not timedelta(hours=1) <= value <= timedelta(days=30):
            raise ValueError("result files can be kept from 1 hour to 30 days")
        return value

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, data: Any) -> Any:
        if isinstance(data, dict) and set(data) == {"batch_strategy"}:
            return data["batch_strategy"]
        return data

    @model_validator(mode="after")
    def _makes_again_what_was_looked_at(self) -> Self:
        if self.regenerate_below is not None and not self.review_images:
            raise ValueError("regenerate_below needs scores: say with review_images how many images are looked at")
        return self

    def policy(self, step: StepName) -> Policy:
        policy: Policy = getattr(self, step)
        return policy

    def resolve(self, step: StepName, model: str, *, batchable: bool, flexible: bool = False) -> StepRoute:
        """The route of one step that can (or cannot) be asked by batch, and at flex, with this model.

        Raises `ProviderUnfit` when the step must go by batch and the model cannot.
        """
        policy = self.policy(step)
        if policy is Policy.ALWAYS_BATCH and not batchable:
            raise ProviderUnfit(
                f"{step}: the strategy says always_batch, but {model} has no batch price or endpoint. Nothing was "
                f"spent. Choose another model, or say user_choice or never_batch for {step}."
            )
        route, reason = self._choose(step, policy, model, batchable=batchable)
        wants_flex = self.realtime_tier is RealtimeTier.FLEX
        realtime = Route.FLEX if wants_flex and flexible else Route.REALTIME
        if route is Route.REALTIME and wants_flex:
            reason += "; at flex: cheaper, slower" if flexible else f"; flex is not offered for {model} here"
        return StepRoute(
            step=step,
            model=model,
            route=realtime if route is Route.REALTIME else route,
            reason=reason,
            realtime=realtime,
        )

    def with_choices(self, preference: Preference | None, max_wait_time: timedelta | None) -> Self:
        """This strategy with what was chosen beside it; None leaves its own."""
        changes = {"preference": preference, "max_wait_time": max_wait_time}
        return self.model_copy(update={name: value for name, value in changes.items() if value is not None})

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
