"""The ledger: one row for each call, with what it used, what it cost and what real time would have cost.

Invariant: a row is priced by what the provider says it did (tokens, service tier), never by what was asked of it.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from pressrun.calls import Answer, Route, StepName, Usage
from pressrun.errors import UnknownPrice
from pressrun.frozen import Frozen
from pressrun.prices import AT_OPENAI, Tariff, Tier, UnitPrices, unit_prices
from pressrun.pricetable import Rates

__all__ = ["Asked", "CallEstimate", "CallStatus", "LedgerRow", "Origin", "corrected", "ledger_row"]

ECHOED_TIERS = {"flex": Tier.FLEX, "priority": Tier.PRIORITY, "fast": Tier.PRIORITY}
"""`service_tier` of a real-time reply that is not billed at the standard tier (`fast` is an alias of priority)."""


class CallStatus(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    INVALID = "invalid"
    """There was a reply, which is billed, but it was invalid, or an error that reports usage."""
    FAILED = "failed"
    """There was no reply that is billed."""


class Origin(Frozen):
    """What all rows of one site's run have in common."""

    run_id: str
    """The flow run that records it, and pays for what no earlier run has paid for."""
    provider: str = ""
    """`Provider.identity`."""
    simulated: bool = False
    language: str = ""
    """BCP 47 tag of the site."""


class CallEstimate(Frozen):
    """What one call was estimated to use, and to cost on the route planned for it."""

    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    tier: Tier | None = None
    """The tier at which the plan expected it to be billed; None for an unplanned call (a repair)."""
    usd: Decimal = Decimal(0)
    """From the forecast, which may be based on earlier runs; 0 for an unplanned call."""


class LedgerRow(Frozen):
    """One call in the ledger."""

    entry_id: str
    """Identifies this payment, so that it is recorded once however often it is seen."""
    provider: str
    simulated: bool
    language: str
    call_id: str
    repairs: str | None
    """Id of the call whose invalid reply this one asked to correct."""
    site: str
    step: StepName
    item: str
    items: PositiveInt
    """How many items the request asked for."""
    route: Route
    """The route that served it."""
    tier: Tier
    """The tier at which it was billed."""
    model: str
    status: CallStatus
    usage: Usage
    """Tokens, or the most that the request can have used when they are unknown; `cached` and similar fields are parts
    of `input`, `reasoning` and `output_image` parts of `output`."""
    usage_known: bool = True
    """Whether the provider or a person's correction gives the usage, in figures that agree."""
    correction: str | None = None
    """Why a person corrected the usage; None for an uncorrected row."""
    rates: Rates
    """USD per 1M tokens, as billed: `cost_usd` is `rates.cost(usage)`."""
    price_source: str
    price_as_of: date
    """The day on which the prices were read there."""
    estimate: CallEstimate
    cost_usd: Decimal
    planned_usd: Decimal
    """The same usage at the planned tier: the cost without the effect of a route change."""
    realtime_usd: Decimal
    """The baseline: the same usage at the standard tier."""
    run_id: str
    """The flow run that paid for it."""
    reused: bool
    """Whether an earlier run paid for it."""
    batch_id: str | None
    asked_at: AwareDatetime | None
    """When the request was sent or its batch created, if that is known."""
    answered_at: AwareDatetime


class Asked(Protocol):
    """What the ledger needs to know about a call: a `Call`, or a record of it without the request."""

    @property
    def id(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def step(self) -> StepName: ...
    @property
    def item(self) -> str: ...
    @property
    def items(self) -> tuple[str, ...]: ...
    @property
    def repairs(self) -> str | None: ...
    @property
    def model(self) -> str: ...


def ledger_row(
    call: Asked,
    answer: Answer,
    *,
    valid: bool,
    at: datetime,
    origin: Origin,
    tariff: Tariff = AT_OPENAI,
    estimate: CallEstimate | None = None,
) -> LedgerRow:
    """The ledger row of one call and its answer, priced at the time of the answer (`at` when it does not say).

    `valid` says whether the content of a reply was usable; an invalid reply is billed too. A failed call costs nothing
    unless it reports usage, because the provider bills answers only. The model is the requested one: a reply names a
    dated snapshot of it, which has no price of its own. Raises `UnknownPrice`, and `ValueError` when the answer belongs
    to another call.
    """
    if answer.call_id != call.id:
        raise ValueError(f"the answer to {answer.call_id} was entered for {call.id}")
    answered_at = answer.answered_at or at
    payer = answer.run_id or origin.run_id
    standard = unit_prices(call.model, Tier.STANDARD, answered_at, tariff)
    estimate = estimate or CallEstimate()
    billed, source = _billed(call.model, answer, standard, tariff, answered_at)
    planned = unit_prices(call.model, estimate.tier, answered_at, tariff) if estimate.tier else billed
    usage = answer.usage
    return LedgerRow(
        entry_id=_entry_id(origin.provider, answer, payer),
        provider=origin.provider,
        simulated=origin.simulated,
        language=origin.language,
        call_id=call.id,
        repairs=call.repairs,
        site=call.site,
        step=call.step,
        item=call.item,
        items=len(call.items) or 1,
        route=answer.route,
        tier=billed.tier,
        model=call.model,
        status=_status(answer, valid),
        usage=usage,
        usage_known=answer.usage_is_known,
        rates=_plain(billed.at_length(usage.input)),
        price_source=source,
        price_as_of=billed.as_of,
        estimate=estimate,
        cost_usd=billed.price(usage),
        planned_usd=planned.price(usage),
        realtime_usd=standard.price(usage),
        run_id=payer,
        reused=payer != origin.run_id,
        batch_id=answer.batch_id,
        asked_at=answer.asked_at,
        answered_at=answered_at,
    )


def corrected(row: LedgerRow, usage: Usage, reason: str, tariff: Tariff = AT_OPENAI) -> LedgerRow:
    """The row with the usage that an invoice shows, at the row's own prices. Raises `UnknownPrice`."""
    standard = unit_prices(row.model, Tier.STANDARD, row.answered_at, tariff)
    planned = unit_prices(row.model, row.estimate.tier or row.tier, row.answered_at, tariff)
    changes = {
        "usage": usage,
        "usage_known": True,
        "correction": reason,
        "cost_usd": row.rates.cost(usage),
        "planned_usd": planned.price(usage),
        "realtime_usd": standard.price(usage),
    }
    return row.model_copy(update=changes)


def _entry_id(provider: str, answer: Answer, payer: str) -> str:
    """A batch answers a call once, however often it is read; in real time each answer is separate."""
    when = answer.batch_id or (answer.answered_at.isoformat() if answer.answered_at else payer)
    return sha256(f"{provider} {answer.call_id} {when}".encode()).hexdigest()[:32]


@lru_cache(maxsize=64)
def _plain(rates: Rates) -> Rates:
    """The rates alone, without the model and source that `UnitPrices` adds."""
    return Rates(**{name: getattr(rates, name) for name in Rates.model_fields})


def _status(answer: Answer, valid: bool) -> CallStatus:
    is_billed = bool(answer.usage.input or answer.usage.output)
    if answer.error is not None and not is_billed:
        return CallStatus.FAILED
    valid = valid and answer.error is None
    return CallStatus.ANSWERED if valid else CallStatus.INVALID


def _billed(model: str, answer: Answer, standard: UnitPrices, tariff: Tariff, at: datetime) -> tuple[UnitPrices, str]:
    """The prices at which an answer is billed, with their source."""
    if answer.route is Route.BATCH:
        prices = unit_prices(model, Tier.BATCH, at, tariff)
        return prices, prices.source
    echoed = ECHOED_TIERS.get(str((answer.body or {}).get("service_tier")))
    if echoed is None:
        return standard, standard.source
    try:
        prices = unit_prices(model, echoed, at, tariff)
    except UnknownPrice:
        # The money is spent: a report with a marked price is better than a run without a report.
        return standard, f"{standard.source}; served at {echoed}, whose price is unknown: the standard price was used"
    return prices, prices.source
