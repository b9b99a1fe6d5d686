"""Every error that a user of Pressrun may meet.

PressrunError
├── Refused            nothing was spent: the input, the plan or the provider is not fit to start
│   ├── BadBrief         a brief or a strategy file has faults (all listed, each with its place)
│   ├── UnknownPrice     a model has no price for the route it is to take
│   ├── OverBudget       the forecast is above the cap
│   ├── ProviderUnfit    no key, a wrong key, no batch endpoint, a retired model
│   └── DestinationUnfit what is made or paid for cannot be written where it is to be kept
├── CallFailed         one request will not be answered, however often it is asked (400-class)
├── BatchRejected      the provider's validation refused a batch; no line of it ran or was billed
├── BatchLost          a batch that was submitted can no longer be watched
├── Unreadable         the provider's answer is no JSON object; what it did is not known
├── Stopped            a person decided that the run is to end
├── StepFailed         what all else depends on (step 08) could not be made
└── DeliveryFailed     the bundle was made, but could not be put where it is wanted

Messages say what was wrong, what state was kept, and what to do next.
"""

from collections.abc import Iterable

__all__ = [
    "BadBrief",
    "BatchLost",
    "BatchRejected",
    "CallFailed",
    "DeliveryFailed",
    "DestinationUnfit",
    "OverBudget",
    "PressrunError",
    "ProviderUnfit",
    "Refused",
    "StepFailed",
    "Stopped",
    "UnknownPrice",
    "Unreadable",
]


class PressrunError(Exception):
    """Base of all our errors; its text is written for the person who runs Pressrun."""


class Refused(PressrunError):
    """The run was refused before anything was spent."""


class BadBrief(Refused):
    """A brief or strategy file has faults.

    `faults` holds one line a fault, each with its place (`file:line: field: what is wrong`).
    """

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"{source}: {count}; nothing was spent.", *(f"  {fault}" for fault in faults)]))


class UnknownPrice(Refused):
    """No price is known for a model on a route; an unknown price is never taken for 0."""


class OverBudget(Refused):
    """The forecast is above the run's cap."""


class ProviderUnfit(Refused):
    """The provider cannot serve this plan: no or wrong key, no batch endpoint, retired model."""


class DestinationUnfit(Refused):
    """Bundles, or the results of paid work, cannot be written where they are to be kept: no driver, no right to."""


class CallFailed(PressrunError):
    """The provider refused one request for good.

    `code` is the provider's error code (or HTTP status as text) and is kept in the manifest.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class BatchRejected(PressrunError):
    """The provider's validation refused a batch. No line ran and none was billed.

    `calls` are the ids of those that it named.
    """

    def __init__(self, message: str, calls: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.calls = frozenset(calls)


class BatchLost(PressrunError):
    """A batch cannot be watched any longer (key refused, gone, no answer); it may still run and be billed."""


class Unreadable(PressrunError):
    """The provider's answer cannot be read, so whether it did what was asked is not known."""


class Stopped(PressrunError):
    """A person who was asked for approval decided that the run is to end."""


class StepFailed(PressrunError):
    """A step that everything else depends on gave no usable content."""


class DeliveryFailed(PressrunError):
    """The bundle was made and could not be put where it is wanted; all that was paid for is kept."""
