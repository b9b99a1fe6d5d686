"""`BatchStrategy`: which step takes which route, and why.

Invariant: policy takes precedence over preference, and the model's capabilities over both; a route that differs from
the request always has a reason, and a policy that cannot be followed is refused, never ignored.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from pressrun.calls import Endpoint, Route, StepName
from pressrun.durations import Duration
from pressrun.errors import ProviderUnfit
from pressrun.files import load_model
from pressrun.forms import empty_box, shown
from pressrun.frozen import Frozen

__all__ = ["BatchStrategy", "Leftover", "Policy", "Preference", "RealtimeTier", "StepRoute", "load_strategy"]


class Policy(StrEnum):
    """Whether a step may or must be batched, regardless of the preference."""

    ALWAYS_BATCH = "always_batch"
    USER_CHOICE = "user_choice"
    NEVER_BATCH = "never_batch"


class Preference(StrEnum):
    """Whether speed or cost matters more; it decides where the policy is user_choice."""

    SPEED = "speed"
    BALANCED = "balanced"
    COST = "cost"


class RealtimeTier(StrEnum):
    """The service tier of real-time calls."""

    STANDARD = "standard"
    FLEX = "flex"


class Leftover(StrEnum):
    """What happens to calls that a batch left unanswered."""

    REALTIME = "realtime"
    """They are sent in real time, at the real-time price."""
    RESUBMIT = "resubmit"
    """They go into another batch while the maximum wait lasts; after that, real time."""
    FAIL = "fail"
    """They are reported as missing, with the reason; the next run submits them again."""


BALANCED_TO_BATCH = frozenset({StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO})
"""People wait for the configuration and review the images; the other text can wait for a batch."""


FOR_EXPERTS = "Options for each step. Fields left at their defaults follow the preference."


class StepRoute(Frozen):
    """The route that one step takes, with the reason shown in the run."""

    step: StepName
    model: str
    route: Route
    reason: str
    realtime: Route = Route.REALTIME
    """The route of its calls that are not batched, or that a batch left unanswered: REALTIME or FLEX."""


class BatchStrategy(BaseModel):
    """Policies by step, a preference, and how long to wait for a batch.

    The fields may be at the top level or inside `batch_strategy`, as in `examples/strategies/brief.json`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", title="Strategy", json_schema_extra=shown(description=FOR_EXPERTS)
    )

    preference: Preference = Field(
        Preference.BALANCED,
        title="Preference",
        description="speed: real time wherever allowed. balanced: text by batch, configuration and images in real "
        "time. cost: batch wherever allowed and possible.",
    )
    config: Policy = Field(
        Policy.USER_CHOICE,
        title="Step 08: configuration",
        description="always_batch: half the price, but slower. never_batch: real time. user_choice: follow the "
        "preference. The same values apply to the steps below.",
    )
    articles: Policy = Field(Policy.USER_CHOICE, title="Step 09: articles")
    images: Policy = Field(Policy.USER_CHOICE, title="Step 10: images")
    descriptions: Policy = Field(Policy.USER_CHOICE, title="Step 10: image descriptions")
    seo: Policy = Field(Policy.USER_CHOICE, title="Step 10: SEO meta tags")
    review: Policy = Field(
        Policy.NEVER_BATCH, title="Visual feedback", description="Applies only if images are reviewed (see below)."
    )
    realtime_tier: RealtimeTier = Field(
        RealtimeTier.STANDARD,
        title="Real-time tier",
        description="For text in real time. standard: answered at once. flex: cheaper (for OpenAI's models, the batch "
        "price), answered within minutes, and at the standard price when flex has no capacity.",
    )
    max_wait_time: Duration = Field(
        timedelta(hours=24),
        title="Maximum wait",
        description="How long to wait for a batch, from its creation, before falling back to real time: 6h, 90m, "
        "6_hours or PT6H.",
        json_schema_extra=shown(default="24 hours"),
    )
    on_timeout: Leftover = Field(
        Leftover.REALTIME,
        title="On timeout",
        description="For calls left unanswered because a batch expired or reached the maximum wait: realtime, resubmit "
        "(only while the maximum wait lasts, then realtime) or fail (the site is delivered incomplete).",
    )
    on_retryable: Leftover = Field(
        Leftover.REALTIME,
        title="On retryable errors",
        description="For lines that failed but may succeed on retry (429, 5xx, lost): realtime, resubmit or fail.",
    )
    max_rounds: PositiveInt = Field(
        3,
        title="Maximum rounds",
        description="Batches to try for one call before falling back to real time, 1 or more.",
    )
    canary_above: PositiveInt = Field(
        1000,
        title="Canary threshold",
        description="A batch job with more requests than this first sends one request per model, so that one invalid "
        "parameter cannot fail all of them.",
    )
    pack_items: bool = Field(
        True,
        title="Pack small items",
        description="Request all image descriptions, and all pages' meta tags, in one request each, so that their "
        "context is sent and paid for once. Each item is still checked and retried separately.",
    )
    share_prefix: bool = Field(
        True,
        title="Cacheable prompts",
        description="Put the text that all calls of a site share first, so that the provider's prompt cache can serve "
        "it at the cached price.",
    )
    fit_effort: bool = Field(
        True,
        title="Effort and limits by step",
        description="Use a suitable reasoning effort and output limit for each step. Off: the model's default effort, "
        "and a limit that no step reaches.",
    )
    refined_prompts: bool = Field(
        False,
        title="Refined image prompts",
        description="Generate the images from the improved prompts in the image descriptions. The images then wait for "
        "the descriptions, which adds a second wave of calls.",
    )
    review_images: int = Field(
        0,
        ge=0,
        title="Images to look at",
        description="How many finished images a model reviews and scores against the brand: the hero first, then in "
        "plan order. Each reviewed image costs one call of the text model. 0: none.",
    )
    regenerate_below: int | None = Field(
        None,
        ge=1,
        le=100,
        title="Regenerate below",
        description="Reviewed images with a score below this (1 to 100) are generated once more, from the improved "
        "prompt that comes with the score. Each costs one more image. Empty: none.",
        json_schema_extra=empty_box(),
    )
    text_batch_model: str | None = Field(
        None,
        title="Text model in batches",
        description="The text model's name in batches, where the provider has another name for it there, such as an "
        "Azure deployment of its own. Empty: the same name.",
        json_schema_extra=empty_box(),
    )
    image_batch_model: str | None = Field(
        None,
        title="Image model in batches",
        description="The same for the image model.",
        json_schema_extra=empty_box(),
    )
    delete_files: bool = Field(
        False,
        title="Delete files",
        description="Delete a batch's input and result files at the provider once its answers are stored here.",
    )
    output_expires_after: Duration | None = Field(
        None,
        title="Result files expire",
        description="How long the provider keeps a batch's result files: 1h to 30 days. Empty: the provider's default.",
        json_schema_extra=empty_box(),
    )

    @field_validator("text_batch_model", "image_batch_model")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @field_validator("output_expires_after")
    @classmethod
    def _within_bounds(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and not timedelta(hours=1) <= value <= timedelta(days=30):
            raise ValueError("result files can be kept for 1 hour to 30 days")
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
            raise ValueError("regenerate_below needs scores: set review_images to the number of images to review")
        return self

    @property
    def batch_models(self) -> dict[Endpoint, str]:
        """The models' names in batches, for endpoints whose model has another one there."""
        names = {Endpoint.CHAT: self.text_batch_model, Endpoint.IMAGES: self.image_batch_model}
        return {endpoint: name for endpoint, name in names.items() if name}

    def policy(self, step: StepName) -> Policy:
        policy: Policy = getattr(self, step)
        return policy

    def resolve(self, step: StepName, model: str, *, batchable: bool, flexible: bool = False) -> StepRoute:
        """The route of one step; `batchable` and `flexible` say whether the model can be batched, or served at flex.

        Raises `ProviderUnfit` when the step must be batched and the model cannot be.
        """
        policy = self.policy(step)
        if policy is Policy.ALWAYS_BATCH and not batchable:
            raise ProviderUnfit(
                f"{step}: the strategy says always_batch, but {model} has no batch price or endpoint. Nothing was "
                f"spent. Choose another model, or set {step} to user_choice or never_batch."
            )
        route, reason = self._choose(step, policy, model, batchable=batchable)
        named = self.image_batch_model if step is StepName.IMAGES else self.text_batch_model
        if route is Route.BATCH and named:
            reason += f"; named {named} there"
        wants_flex = self.realtime_tier is RealtimeTier.FLEX
        realtime = Route.FLEX if wants_flex and flexible else Route.REALTIME
        if route is Route.REALTIME and wants_flex:
            reason += "; flex: cheaper, slower" if flexible else f"; flex is not offered for {model} here"
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
            return Route.REALTIME, f"preference {self.preference} would use batch, but {model} cannot be batched"
        if wants_batch:
            return Route.BATCH, f"preference {self.preference}: half the price, not urgent"
        if self.preference is Preference.SPEED:
            return Route.REALTIME, "preference speed: answered at once"
        return Route.REALTIME, "preference balanced: someone is waiting for it"


def load_strategy(path: Path) -> BatchStrategy:
    """Read a strategy file (YAML or JSON). Raises `BadBrief` with every fault and its line."""
    return load_model(path, BatchStrategy)
