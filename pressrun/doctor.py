"""`pressrun doctor`: what is set up, what is not, and what will stop working soon.

Invariant: it looks and never spends: listing models and batches is all it asks of a provider.
"""

import os
from datetime import date
from importlib.metadata import version
from typing import Literal

from pydantic import SecretStr

from pressrun.calls import Frozen
from pressrun.errors import ProviderUnfit
from pressrun.models import check_models, model_info
from pressrun.routes.provider import Provider, check_provider, open_client
from pressrun.settings import Settings

__all__ = ["Finding", "examine"]


class Finding(Frozen):
    """One thing that was looked at."""

    level: Literal["ok", "warn", "bad"]
    subject: str
    text: str


def examine(settings: Settings, today: date) -> list[Finding]:
    """All findings: the key and provider, Prefect, and the configured models."""
    return [
        _key(settings),
        *_provider(settings),
        _prefect(),
        *(_model(model, today) for model in (settings.text_model, settings.image_model)),
    ]


def _key(settings: Settings) -> Finding:
    if settings.openai_api_key:
        return Finding(level="ok", subject="key", text="OPENAI_API_KEY is set")
    return Finding(
        level="warn",
        subject="key",
        text="OPENAI_API_KEY is not set; a Prefect Secret block named openai-api-key will be tried, or say --simulate",
    )


def _provider(settings: Settings) -> list[Finding]:
    if not settings.openai_api_key:
        return [Finding(level="warn", subject="provider", text=f"{settings.openai_base_url} was not asked: no key")]
    provider = Provider(base_url=settings.openai_base_url)
    with open_client(provider, SecretStr(settings.openai_api_key.get_secret_value()), settings) as client:
        quick = client.with_options(max_retries=0, timeout=10)
        try:
            found = check_provider(quick, provider.base_url, needs_batch=False)
        except ProviderUnfit as error:
            return [Finding(level="bad", subject="provider", text=str(error))]
        who = "the Pressrun simulator (SIMULATED)" if found.simulated else "answers"
        answers = Finding(level="ok", subject="provider", text=f"{provider.base_url} {who}")
        try:
            check_provider(quick, provider.base_url, needs_batch=True)
        except ProviderUnfit as error:
            return [answers, Finding(level="warn", subject="batch", text=str(error))]
    return [answers, Finding(level="ok", subject="batch", text="/v1/batches is there")]


def _prefect() -> Finding:
    where = os.environ.get("PREFECT_API_URL") or "a temporary local server (PREFECT_API_URL is not set)"
    return Finding(level="ok", subject="prefect", text=f"{version('prefect')}, {where}")


def _model(model: str, today: date) -> Finding:
    notices = check_models([model], today)
    if notices:
        return Finding(level="bad" if notices[0].refused else "warn", subject=model, text=notices[0].text)
    info = model_info(model)
    if info is None:
        return Finding(level="warn", subject=model, text="not in our table; its price must be in PRESSRUN_PRICES_FILE")
    until = f"shuts down on {info.shutdown}" if info.shutdown else "no shutdown date announced"
    return Finding(level="ok", subject=model, text=f"{until}; {'can' if info.batch else 'cannot'} be batched")
