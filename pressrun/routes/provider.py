"""The provider behind a run: its address, whether it is our simulator, and whether it can serve the plan.

Invariant: a `Provider` holds no key, so it may be logged and stored; the key goes from the settings straight into the
client. What tells one provider from another is its `identity` alone, never what it says of its models today.
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
from pressrun.settings import Settings

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
"""`owned_by` of every model that our simulator lists; how a run notices that it talks to one."""


class Provider(Frozen):
    """Where calls are sent."""

    base_url: str
    simulated: bool = False
    """Whether it is one of our simulators, ours or someone else's."""
    built_in: bool = False
    """Whether it is the simulator that this very run started, on whatever port was free."""
    shutdowns: dict[str, date] = Field(default_factory=dict)
    """When its models end, by its own list; of the others it said nothing."""

    @property
    def identity(self) -> str:
        """What tells its answers from another provider's: the address, unless that is a port of the moment."""
        return "built-in simulator" if self.built_in else self.base_url


class ModelList(Frozen):
    """What a provider says of its models."""

    names: frozenset[str] = frozenset()
    """Empty when it has no such list."""
    shutdowns: dict[str, date] = Field(default_factory=dict)
    """Only those models that have a date."""
    simulated: bool = False


def expected_identity(settings: Settings, *, simulate: bool) -> str:
    """The identity of the provider that the settings name, or of the built-in simulator, without asking it."""
    return Provider(base_url=settings.openai_base_url.rstrip("/"), built_in=simulate).identity


def open_client(provider: Provider, key: SecretStr, settings: Settings) -> OpenAI:
    """A client for real-time calls and look-ups: SDK retries on, with a timeout of its own.

    Creating a batch must switch the retries off (`with_options(max_retries=0)`): a POST that is retried blindly may
    be paid twice, because the provider honours no idempotency key.
    """
    return OpenAI(
        api_key=key.get_secret_value(),
        base_url=provider.base_url,
        max_retries=settings.realtime_retries,
        timeout=settings.realtime_timeout,
        http_client=DefaultHttpxClient(verify=_certificates()),
    )


@cache
def _certificates() -> SSLContext:
    """Read once a process: a client of its own for each call is cheap, but reading the certificates takes 50 ms."""
    return httpx2.create_ssl_context()


def check_provider(client: OpenAI, base_url: str, *, needs_batch: bool) -> Provider:
    """Ask, before anything is spent, whether the key works and the batch endpoint is there when the plan needs it.

    Raises `ProviderUnfit` with the choice left. A server without `GET /v1/models` is tolerated.
    """
    found = list_models(client, base_url)
    if needs_batch:
        check_batches(client, base_url)
    return Provider(base_url=base_url, simulated=found.simulated, shutdowns=found.shutdowns)


def list_models(client: OpenAI, base_url: str) -> ModelList:
    """Ask for the models, which also tries the key. Raises `ProviderUnfit`; a server without the list is tolerated."""
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
    """An ISO date. A server may send anything in a field that few have: what cannot be read says nothing."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _list(client: OpenAI, path: str, base_url: str) -> list[Any]:
    """The `data` of a list. The SDK's own lists stumble over a web page, which a mistyped address often leads to."""
    body = read_json(client.get(path, cast_to=httpx2.Response).content)
    if body is None:
        raise ProviderUnfit(
            f"{base_url} is no OpenAI-compatible API: {path} is not JSON there. Nothing was spent. Check "
            "OPENAI_BASE_URL, which normally ends in /v1."
        )
    data = body.get("data")
    return data if isinstance(data, list) else []


def check_batches(client: OpenAI, base_url: str) -> None:
    """Ask whether the batch endpoint is there. Raises `ProviderUnfit` with the choice left."""
    try:
        _list(client, "/batches?limit=1", base_url)
    except openai.APIStatusError as error:
        if error.status_code in (404, 405, 501):
            raise ProviderUnfit(
                f"{base_url} has no /v1/batches, which this plan needs. Nothing was spent. Use --prefer speed (or "
                "never_batch in the strategy) to do everything in real time, or another provider."
            ) from None
        raise ProviderUnfit(_say(error, base_url)) from None
    except openai.OpenAIError as error:
        raise ProviderUnfit(_say(error, base_url)) from None


def _say(error: openai.OpenAIError, base_url: str) -> str:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"{base_url} refused the key (HTTP {error.status_code}). Nothing was spent. Check OPENAI_API_KEY."
    if isinstance(error, openai.APIStatusError):
        return f"{base_url} answered HTTP {error.status_code} before the start. Nothing was spent. Try again later."
    return f"{base_url} cannot be reached ({type(error).__name__}). Nothing was spent. Check OPENAI_BASE_URL."
