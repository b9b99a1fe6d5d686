"""The provider of a run: its URL, whether it is our simulator, and whether it can serve the plan.

Invariant: a `Provider` contains no key, so it may be logged and stored; the key goes directly from the settings into
the client. Providers are distinguished only by their `identity`, never by what they report about their models.
"""

from datetime import date
from functools import cache
from ssl import SSLContext
from typing import Any

import httpx2
import openai
from openai import DefaultHttpxClient, OpenAI
from pydantic import Field, SecretStr

from pressrun.batchfile import read_json
from pressrun.calls import Frozen
from pressrun.errors import ProviderUnfit
from pressrun.routes.limits import limit_reply
from pressrun.settings import Settings
from pressrun.untrusted import hide, redacted, redacted_json

__all__ = [
    "SIMULATOR_OWNER",
    "ModelList",
    "Provider",
    "check_batches",
    "check_provider",
    "expected_identity",
    "list_models",
    "open_client",
]

SIMULATOR_OWNER = "pressrun-simulator"
"""`owned_by` of every model that our simulator lists, by which a run recognises it."""


class Provider(Frozen):
    """Where calls are sent."""

    base_url: str
    simulated: bool = False
    """Whether it is a Pressrun simulator, started by this run or separately."""
    built_in: bool = False
    """Whether it is the simulator that this run itself started, on any free port."""
    shutdowns: dict[str, date] = Field(default_factory=dict)
    """Shutdown dates from its own model list; only for models with a date."""

    @property
    def identity(self) -> str:
        """Identifies its answers: the URL, unless that has a temporary port."""
        return "built-in simulator" if self.built_in else self.base_url


class ModelList(Frozen):
    """What a provider reports about its models."""

    names: frozenset[str] = frozenset()
    """Empty when it has no model list."""
    shutdowns: dict[str, date] = Field(default_factory=dict)
    """Only for models with a date."""
    simulated: bool = False


def expected_identity(settings: Settings, *, simulate: bool) -> str:
    """The identity of the configured provider, or of the built-in simulator, without contacting it."""
    return Provider(base_url=settings.openai_base_url.rstrip("/"), built_in=simulate).identity


def open_client(provider: Provider, key: SecretStr, settings: Settings) -> OpenAI:
    """A client for real-time calls and queries, with the SDK's retries and the configured timeout.

    Creating a batch must turn the retries off (`with_options(max_retries=0)`): a blindly retried POST may be paid for
    twice, because the provider has no idempotency keys.
    """
    hide(key.get_secret_value())
    return _Client(
        api_key=key.get_secret_value(),
        base_url=provider.base_url,
        max_retries=settings.realtime_retries,
        timeout=settings.realtime_timeout,
        default_headers={"Accept-Encoding": "gzip"},
        http_client=DefaultHttpxClient(verify=_certificates(), event_hooks={"response": [limit_reply]}),
    )


class _Client(OpenAI):
    """A client whose errors do not repeat the key, as some providers do in theirs."""

    def _make_status_error(self, err_msg: str, *, body: object, response: httpx2.Response) -> openai.APIStatusError:
        return super()._make_status_error(redacted(err_msg), body=redacted_json(body), response=response)


@cache
def _certificates() -> SSLContext:
    """Read once per process: a separate client for each call is cheap, but reading the certificates takes 50 ms."""
    return httpx2.create_ssl_context()


def check_provider(client: OpenAI, base_url: str, *, needs_batch: bool) -> Provider:
    """Check, before anything is spent, that the key works, and that there is a batch endpoint if the plan needs it.

    Raises `ProviderUnfit` with the alternatives. A server without `GET /v1/models` is accepted.
    """
    found = list_models(client, base_url)
    if needs_batch:
        check_batches(client, base_url)
    return Provider(base_url=base_url, simulated=found.simulated, shutdowns=found.shutdowns)


def list_models(client: OpenAI, base_url: str) -> ModelList:
    """List the models, which also tests the key. Raises `ProviderUnfit`; a server without the list is accepted."""
    try:
        listed = _list(client, "/models", base_url)
    except openai.NotFoundError:
        return ModelList()
    except openai.OpenAIError as error:
        raise ProviderUnfit(_say(error, base_url)) from None
    models = [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)]
    days = {model["id"]: _day(model.get("shutdown_date")) for model in models}
    return ModelList(
        names=frozenset(days),
        shutdowns={name: day for name, day in days.items() if day},
        simulated=any(model.get("owned_by") == SIMULATOR_OWNER for model in models),
    )


def _day(text: Any) -> date | None:
    """An ISO date, or None. Few servers have this field, and anything unreadable in it is ignored."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _list(client: OpenAI, path: str, base_url: str) -> list[Any]:
    """The `data` of a list. The SDK's own lists fail on a web page, which a mistyped URL often returns."""
    body = read_json(client.get(path, cast_to=httpx2.Response).content)
    if body is None:
        raise ProviderUnfit(
            f"{base_url} is not an OpenAI-compatible API: its response to {path} is not JSON. Nothing was spent. Check "
            "OPENAI_BASE_URL, which normally ends in /v1."
        )
    data = body.get("data")
    return data if isinstance(data, list) else []


def check_batches(client: OpenAI, base_url: str) -> None:
    """Check that there is a batch endpoint. Raises `ProviderUnfit` with the alternatives."""
    try:
        _list(client, "/batches?limit=1", base_url)
    except openai.APIStatusError as error:
        if error.status_code in (404, 405, 501):
            raise ProviderUnfit(
                f"{base_url} has no /v1/batches, which this plan needs. Nothing was spent. Use --prefer speed (or "
                "never_batch in the strategy) to run everything in real time, or use another provider."
            ) from None
        raise ProviderUnfit(_say(error, base_url)) from None
    except openai.OpenAIError as error:
        raise ProviderUnfit(_say(error, base_url)) from None


def _say(error: openai.OpenAIError, base_url: str) -> str:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"{base_url} refused the key (HTTP {error.status_code}). Nothing was spent. Check OPENAI_API_KEY."
    if isinstance(error, openai.APIStatusError):
        return f"{base_url} answered HTTP {error.status_code} to the first check. Nothing was spent. Try again later."
    return f"{base_url} cannot be reached ({type(error).__name__}). Nothing was spent. Check OPENAI_BASE_URL."
