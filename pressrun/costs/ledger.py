"""The ledger: one row for each call, with what it used, what it cost and what real time would have cost.

Invariant: a row is priced by what the provider says it did (tokens, service tier), never by what was asked of it.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime

from pressrun.calls import Answer, Frozen, Route, StepName, Usage
from pressrun.errors import UnknownPrice
from pressrun.prices import PriceTable, Tier, UnitPrices, unit_prices

__all__ = ["Asked", "CallStatus", "LedgerRow", "ledger_row"]

ECHOED_TIERS = {"flex": Tier.FLEX, "priority": Tier.PRIORITY, "fast": Tier.PRIORITY}
"""`service_tier` of a real-time reply that is billed otherwise than standard (`fast` is an alias of priority)."""


class CallStatus(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    INVALID = "invalid"
    """There was a reply and it is billed, but it was not fit to use."""
    FAILED = "failed"
    """There was no reply."""


class LedgerRow(Frozen):
    """One call in the books."""

    call_id: str
    site: str
    step: StepName
    item: str
    route: Route
    """The route that served it."""
    tier: Tier
    """What it was billed at."""
    model: str
    status: CallStatus
    usage: Usage
    """Tokens; `cached` and the like are parts of `input`, `reasoning` and `output_image` of `output`."""
    cost_usd: Decimal
    realtime_usd: Decimal
    """The baseline: the same usage at the standard tier."""
    price_source: str
    run_id: str
    """The flow run that paid for it."""
    reused: bool
    """Whether an earlier run paid for it."""
    batch_id: str | None
    answered_at: AwareDatetime


class Asked(Protocol):
    """What the books need to know of a call: a `Call` serves, and so does a record of it without what was asked."""

    @property
    def id(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def step(self) -> StepName: ...
    @property
    def item(self) -> str: ...
    @property
    def model(self) -> str: ...


def ledger_row(
    call: Asked, answer: Answer, *, valid: bool, run_id: str, at: datetime, table: PriceTable | None = None
) -> LedgerRow:
    """Enter one call and its answer, priced at the time it was answered (`at` when the answer does not say).

    `valid` says whether the content of a reply was fit to use; an unfit reply is billed all the same. A failed call
    costs nothing, because the provider bills answers only. The model is the one that was asked for: a reply names a
    dated snapshot of it, which has no price of its own. Raises `UnknownPrice`, and `ValueError` when the answer
    belongs to another call.
    """
    if answer.call_id != call.id:
        raise ValueError(f"the answer to {answer.call_id} was entered for {call.id}")
    answered_at = answer.answered_at or at
    standard = unit_prices(call.model, Tier.STANDARD, answered_at, table)
    billed, source = _billed(call.model, answer, standard, table, answered_at)
    return LedgerRow(
        call_id=call.id,
        site=call.site,
        step=call.step,
        item=call.item,
        route=answer.route,
        tier=billed.tier,
        model=call.model,
        status=_status(answer, valid),
        usage=answer.usage,
        cost_usd=billed.price(answer.usage),
        realtime_usd=standard.price(answer.usage),
        price_source=source,
        run_id=answer.run_id or run_id,
        reused=answer.run_id is not None and answer.run_id != run_id,
        batch_id=answer.batch_id,
        answered_at=answered_at,
    )


def _status(answer: Answer, valid: bool) -> CallStatus:
    if answer.body is None:
        return CallStatus.FAILED
    return CallStatus.ANSWERED if valid else CallStatus.INVALID


def _billed(
    model: str, answer: Answer, standard: UnitPrices, table: PriceTable | None, at: datetime
) -> tuple[UnitPrices, str]:
    """The prices that an answer is billed at, with their source."""
    if answer.route is Route.BATCH:
        prices = unit_prices(model, Tier.BATCH, at, table)
        return prices, prices.source
    echoed = ECHOED_TIERS.get(str((answer.body or {}).get("service_tier")))
    if echoed is None:
        return standard, standard.source
    try:
        prices = unit_prices(model, echoed, at, table)
    except UnknownPrice:
        # The money is spent: a report with a marked price serves better than a run that ends without one.
        return standard, f"{standard.source}; served at {echoed}, whose price is unknown: the standard price was taken"
    return prices, prices.source
