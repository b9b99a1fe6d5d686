"""`pressrun doctor`: what is set up, what is not, and what will stop working soon.

Invariants: it never spends anything: it lists the provider's models and batches, and sends requests that cannot be
answered. It never ends in an error: the fault of a check is what the check finds.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Literal

from pressrun.connection import variable_faults
from pressrun.errors import BadBrief, Refused, UnknownPrice
from pressrun.frozen import Frozen
from pressrun.models import check_models, model_info, model_table, shutdown
from pressrun.prefect_api import ask_server, configured_server
from pressrun.preflight import check_state
from pressrun.price_age import price_notices
from pressrun.prices import Tariff, Tier, known_tiers, tariff, unit_prices
from pressrun.routes.needs import ModelList, Need, check_service, list_models
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings
from pressrun.untrusted import redacted
from pressrun.up import running_api

__all__ = ["Finding", "examine"]

ASKED = (Need.CHAT, Need.IMAGES, Need.BATCHES, Need.UPLOADS)
"""What is tried. Whether images can be batched matters to few strategies; a run finds out."""


class Finding(Frozen):
    """The result of one check."""

    level: Literal["ok", "warn", "bad"]
    subject: str
    text: str


def examine(settings: Settings, today: date) -> list[Finding]:
    """All findings: the environment, the key and provider, Prefect, and the configured models with their prices."""
    models = list(dict.fromkeys([settings.text_model, settings.image_model]))
    environment = [Finding(level="bad", subject=name, text=text) for name, text in variable_faults()]
    listed = ModelList()

    def provider() -> list[Finding]:
        nonlocal listed
        findings, listed = _provider(settings, can_ask=not environment)
        return findings

    return [
        *environment,
        _key(settings),
        *_safely("provider", provider),
        *_safely("models", lambda: _unlisted(models, listed)),
        *_safely("state", lambda: _state(settings)),
        *_safely("prefect", lambda: [_prefect(settings)]),
        *_safely("models", lambda: [_model(model, today, listed.shutdowns) for model in _stood_for(settings, models)]),
        *_safely(
            "prices",
            lambda: _prices(settings, models, datetime.combine(today, time(), UTC), simulated=listed.simulated),
        ),
    ]


def _safely(subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of a check, or its own fault as one."""
    try:
        return check()
    except Refused as error:
        return [Finding(level="bad", subject=subject, text=str(error))]
    except Exception as error:  # noqa: BLE001  # whatever a strange environment brings about is a finding
        text = f"the check itself failed ({type(error).__name__}: {redacted(str(error))})"
        return [Finding(level="bad", subject=subject, text=text)]


def _key(settings: Settings) -> Finding:
    if settings.openai_api_key:
        return Finding(level="ok", subject="key", text="OPENAI_API_KEY is set")
    return Finding(
        level="warn",
        subject="key",
        text="OPENAI_API_KEY is not set; runs try the Prefect Secret block openai-api-key, or use --simulate",
    )


def _provider(settings: Settings, *, can_ask: bool) -> tuple[list[Finding], ModelList]:
    """Findings about the provider, and the models that it lists (none when it was not asked or has no list)."""
    address = settings.openai_base_url
    if not settings.openai_api_key or not can_ask:
        why = "the environment must be put right first" if settings.openai_api_key else "no key"
        return [Finding(level="warn", subject="provider", text=f"{address} was not checked: {why}")], ModelList()
    with open_client(Provider(base_url=address), settings.openai_api_key, settings) as client:
        quick = client.with_options(max_retries=0, timeout=10)
        listed = list_models(quick, address)
        faults = {need: check_service(quick, address, need, listed, settings.text_model) for need in ASKED}
    if chat := faults[Need.CHAT]:
        return [Finding(level="bad", subject="provider", text=chat)], listed
    who = "the Pressrun simulator (SIMULATED)" if listed.simulated else "answers"
    findings = [Finding(level="ok", subject="provider", text=f"{address} {who}")]
    if images := faults[Need.IMAGES]:
        findings.append(Finding(level="bad", subject="images", text=images))
    batch = faults[Need.BATCHES] or faults[Need.UPLOADS]
    level: Literal["ok", "warn"] = "warn" if batch else "ok"
    return [*findings, Finding(level=level, subject="batch", text=batch or "/v1/batches is available")], listed


def _unlisted(models: list[str], listed: ModelList) -> list[Finding]:
    missing = [model for model in models if model not in listed.names]
    if not listed.names or not missing:
        return []
    text = f"the provider does not list {' or '.join(missing)}; check the name and the project's model access"
    return [Finding(level="warn", subject="models", text=text)]


def _state(settings: Settings) -> list[Finding]:
    """Nothing, or why the state or the ledger cannot be written."""
    check_state(settings)
    return []


def _prefect(settings: Settings) -> Finding:
    installed, server = version("prefect"), configured_server()
    if server is None:
        own = running_api(settings)
        where = (
            f"{own} (the server of `pressrun up`)" if own else "a temporary local server (PREFECT_API_URL is not set)"
        )
        return Finding(level="ok", subject="prefect", text=f"{installed}, {where}")
    if fault := ask_server(server):
        return Finding(level="bad", subject="prefect", text=fault)
    return Finding(level="ok", subject="prefect", text=f"{installed}, {server.shown} (from {server.place}) answers")


def _stood_for(settings: Settings, models: list[str]) -> list[str]:
    """The models that these names stand for; `_prices` tells of a faulty table."""
    try:
        here = tariff(settings)
    except BadBrief:
        return models
    return [here.model(name) for name in models]


def _model(model: str, today: date, told: Mapping[str, date]) -> Finding:
    """How long a model will be available, and according to whom."""
    end = shutdown(model, told)
    by_provider = end is not None and end.by_provider
    by = "the provider's own list" if by_provider else f"our table of {model_table().as_of}"
    notices = check_models([model], today, told)
    if notices:
        text = notices[0].text + ("" if by_provider else f" (According to {by}.)")
        return Finding(level="bad" if notices[0].refused else "warn", subject=model, text=text)
    until = f"shuts down on {end.day}, according to {by}" if end else f"no shutdown date, according to {by}"
    info = model_info(model)
    if info is None:
        unknown = until if end else "its shutdown date is unknown"
        return Finding(level="warn", subject=model, text=f"not in our table; {unknown}")
    return Finding(level="ok", subject=model, text=f"{until}; {'can' if info.batch else 'cannot'} be batched")


def _prices(settings: Settings, models: list[str], now: datetime, *, simulated: bool) -> list[Finding]:
    try:
        prices = tariff(settings, simulate=simulated)
    except BadBrief as error:
        return [Finding(level="bad", subject="prices", text=str(error))]
    return [_price(model, now, prices) for model in models]


def _price(model: str, now: datetime, here: Tariff) -> Finding:
    """Which price of a model applies and why: its tiers, the standard price, whose it is, when it was read."""
    subject = f"prices of {model}"
    try:
        prices = unit_prices(model, Tier.STANDARD, now, here)
    except UnknownPrice as error:
        return Finding(level="bad", subject=subject, text=str(error))
    known = here.model(model)
    stands = "" if known == model else f"stands for {known}: "
    tiers = ", ".join(known_tiers(model, now, here))
    applies = f"{stands}{tiers}; standard {_plain(prices.input)} in, {_plain(prices.output)} out at {here.host}"
    if stale := price_notices([model], now, here):
        return Finding(level="warn", subject=subject, text=f"{applies}. {stale[0]}")
    text = f"{applies} (USD per million tokens); as of {prices.as_of} (source: {prices.source})"
    is_assumed = here.published.is_assumed and not (here.table and here.table.find(model))
    return Finding(level="warn" if is_assumed else "ok", subject=subject, text=text)


def _plain(rate: Decimal) -> str:
    """A rate without trailing zeros."""
    return f"{rate.normalize():f}"
