"""Every error that a user of Pressrun may see.

PressrunError
├── Refused            nothing was spent: the input, the plan or the provider is not usable
│   ├── BadBrief         a brief or a strategy file has faults (all listed, each with its location)
│   ├── UnknownPrice     a model has no price for its route
│   ├── OverBudget       the forecast is above the cap
│   ├── ProviderUnfit    no key, a wrong key, no batch endpoint, a retired model
│   └── DestinationUnfit bundles or results cannot be written to their destination
├── CallFailed         one request will never be answered, however often it is sent (400-class)
├── BatchRejected      the provider's validation refused a batch; no line of it ran or was billed
├── BatchLost          a submitted batch can no longer be monitored, or cannot be told from others
├── ResultsGone        the file with a batch's answers is not at the provider
├── ResultsIncomplete  a batch counts more answers than its result files have
├── LedgerFailed       the ledger cannot be written to
├── Unreadable         the provider's response is not a JSON object; its effect is unknown
├── Stopped            a person decided to stop the run
├── StepFailed         a step that everything else depends on (step 08) failed
└── DeliveryFailed     the bundle was built but could not be delivered
    └── Occupied         something else is in its place

Messages say what happened, what state was kept, and what to do next. Words of others that they quote are without
control characters and secrets.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pressrun.untrusted import safe

if TYPE_CHECKING:
    from pressrun.calls import Answer

__all__ = [
    "BadBrief",
    "BatchLost",
    "BatchRejected",
    "CallFailed",
    "DeliveryFailed",
    "DestinationUnfit",
    "LedgerFailed",
    "Occupied",
    "OverBudget",
    "PressrunError",
    "ProviderUnfit",
    "Refused",
    "ResultsGone",
    "ResultsIncomplete",
    "StepFailed",
    "Stopped",
    "UnknownPrice",
    "Unreadable",
]


class PressrunError(Exception):
    """Base of all Pressrun errors; the text is written for the person who runs Pressrun."""

    def __init__(self, message: str = "") -> None:
        super().__init__(safe(message))


class Refused(PressrunError):
    """The run was refused before anything was spent."""


class BadBrief(Refused):
    """A brief or strategy file has faults.

    `faults` has one line per fault, each with its location (`line 3: field: what is wrong`).
    """

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"{source}: {count}; nothing was spent.", *(f"  {fault}" for fault in faults)]))


class UnknownPrice(Refused):
    """No price is known for a model on a route; an unknown price is never treated as 0."""


class OverBudget(Refused):
    """The forecast is above the run's cap."""


class ProviderUnfit(Refused):
    """The provider cannot serve this plan: no or wrong key, no batch endpoint, retired model."""


class DestinationUnfit(Refused):
    """Bundles, or the results of paid work, cannot be written to their destination: no driver, no permission."""


class CallFailed(PressrunError):
    """The provider refused one request permanently.

    `code` is the provider's error code (or the HTTP status as text), recorded in the manifest.
    """

    paid: "Answer | None" = None
    """The reply that came in place of an answer, if it is billed all the same."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class BatchRejected(PressrunError):
    """The provider's validation refused a batch. No line ran and none was billed.

    `calls` are the ids of the calls that it named.
    """

    def __init__(self, message: str, calls: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.calls = frozenset(calls)


class BatchLost(PressrunError):
    """A batch can no longer be monitored (key refused, gone, no answer, no id); it may still run and be billed."""


class ResultsGone(PressrunError):
    """The file with a batch's answers is not at the provider: it was deleted, has expired, or is not there yet."""


class ResultsIncomplete(PressrunError):
    """A batch counts more answers than its result files have; reading them again later may help."""


class LedgerFailed(PressrunError):
    """The ledger cannot be written to: the disk is full, or the file is read-only."""


class Unreadable(PressrunError):
    """The provider's response cannot be read, so it is unknown whether the request took effect."""


class Stopped(PressrunError):
    """A person who was asked for approval decided to stop the run."""


class StepFailed(PressrunError):
    """A step that everything else depends on produced no usable content."""


class DeliveryFailed(PressrunError):
    """The bundle was built but could not be delivered; everything paid for is kept."""


class Occupied(DeliveryFailed):
    """Something that must not be replaced came to be at the bundle's destination while the run went on."""
