"""Builders for the books: a call, its answer, its ledger row; valid as they come, changed by keyword."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pressrun.calls import Answer, Call, Endpoint, Route, StepName, Usage
from pressrun.costs.forecast import ForecastLine
from pressrun.costs.ledger import CallEstimate, CallStatus, LedgerRow
from pressrun.prices import Tier
from pressrun.pricetable import Rates

__all__ = ["NOW", "a_call", "a_forecast_line", "a_reply", "a_row", "an_answer", "rows"]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_call(model: str = "gpt-6-luna", **changes: Any) -> Call:
    fields = {
        "site": "harbour-bakery",
        "step": StepName.ARTICLES,
        "item": "article-01",
        "endpoint": Endpoint.CHAT,
        "body": {"model": model, "messages": [{"role": "user", "content": "Write."}]},
    }
    return Call(**{**fields, **changes})


def a_reply(**changes: Any) -> dict[str, Any]:
    """A Chat Completions reply's body: 2,000 tokens in, of which 1,000 cached, and 2,000 out."""
    usage = {
        "prompt_tokens": 2000,
        "completion_tokens": 2000,
        "prompt_tokens_details": {"cached_tokens": 1000},
        "completion_tokens_details": {"reasoning_tokens": 300},
    }
    return {"model": "gpt-6-luna-2026-09-01", "service_tier": "default", "usage": usage, **changes}


def an_answer(call: Call, **changes: Any) -> Answer:
    body = None if "error" in changes else a_reply()
    return Answer(**{"call_id": call.id, "route": Route.REALTIME, "body": body, **changes})


def a_row(**changes: Any) -> LedgerRow:
    fields = {
        "entry_id": "0" * 32,
        "provider": "https://api.example/v1",
        "simulated": False,
        "language": "en-GB",
        "call_id": "harbour-bakery-articles-article-01-00000000",
        "repairs": None,
        "site": "harbour-bakery",
        "step": StepName.ARTICLES,
        "item": "article-01",
        "items": 1,
        "route": Route.BATCH,
        "tier": Tier.BATCH,
        "model": "gpt-6-luna",
        "status": CallStatus.ANSWERED,
        "usage": Usage(input=2000, cached=1000, output=2000, reasoning=300),
        "rates": Rates(input=Decimal("0.05"), cached_input=Decimal("0.005"), output=Decimal("0.25")),
        "price_source": "genai-prices 0.2.3",
        "price_as_of": date(2026, 10, 14),
        "estimate": CallEstimate(input_tokens=2000, output_tokens=2000, tier=Tier.BATCH, usd=Decimal("0.0006")),
        "cost_usd": Decimal("0.000555"),
        "planned_usd": Decimal("0.000555"),
        "realtime_usd": Decimal("0.00111"),
        "run_id": "run-1",
        "reused": False,
        "batch_id": "batch_1",
        "asked_at": NOW,
        "answered_at": NOW,
    }
    return LedgerRow(**{**fields, **changes})


def a_forecast_line(**changes: Any) -> ForecastLine:
    """Six articles by batch, 2,000 tokens in and 2,000 out each."""
    fields = {
        "step": StepName.ARTICLES,
        "route": Route.BATCH,
        "model": "gpt-6-luna",
        "calls": 6,
        "input_tokens": 12_000,
        "output_tokens": 12_000,
    }
    return ForecastLine(**{**fields, **changes})


_money = st.decimals(0, 1000, places=12)

rows = st.lists(
    st.builds(
        a_row,
        site=st.sampled_from(["harbour-bakery", "cafe-yuen", "clinic"]),
        step=st.sampled_from(StepName),
        tier=st.sampled_from(Tier),
        status=st.sampled_from(CallStatus),
        usage=st.builds(Usage, input=st.integers(0, 10**6), cached=st.integers(0, 10**6), output=st.integers(0, 10**6)),
        cost_usd=_money,
        realtime_usd=_money,
        reused=st.booleans(),
    ),
    max_size=30,
)
"""Any ledger: several sites, any step, sums to the trillionth of a dollar."""
