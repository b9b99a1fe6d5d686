"""The provider of a run: its URL, whether it is our simulator, and the client that reaches it.

Invariant: a `Provider` contains no key, so it may be logged and stored; the key goes directly from the settings into
the client. Providers are distinguished only by their `identity`, never by what they report about their models.
"""

from datetime import date
from functools import cache
from ssl import SSLContext

import httpx2
import openai
from openai import DefaultHttpxClient, OpenAI
from pydantic import Field, SecretStr

from pressrun.connection import check_headers, check_variables, is_loopback
from pressrun.frozen import Frozen
from pressrun.routes.limits import limit_reply
from pressrun.settings import Settings
from pressrun.untrusted import hide, redacted, redacted_json

__all__ = ["Provider", "expected_identity", "open_client"]


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


def expected_identity(settings: Settings, *, simulate: bool) -> str:
    """The identity of the configured provider, or of the built-in simulator, without contacting it."""
    return Provider(base_url=settings.openai_base_url, built_in=simulate).identity


def open_client(provider: Provider, key: SecretStr, settings: Settings) -> OpenAI:
    """A client for real-time calls and queries, with the SDK's retries and the configured timeout.

    Creating a batch must turn the retries off (`with_options(max_retries=0)`): a blindly retried POST may be paid for
    twice, because the provider has no idempotency keys. Raises `ProviderUnfit` for a key that may not go there, and
    `Refused` for headers of the environment that cannot be sent.
    """
    check_headers()
    released = key if provider.built_in else settings.release(key)
    hide(released.get_secret_value())
    return _Client(
        api_key=released.get_secret_value(),
        base_url=provider.base_url,
        max_retries=settings.realtime_retries,
        timeout=settings.realtime_timeout,
        default_headers={"Accept-Encoding": "gzip"},
        http_client=_connections(provider.base_url),
    )


class _Client(OpenAI):
    """A client whose errors do not repeat the key, as some providers do in theirs."""

    def _make_status_error(self, err_msg: str, *, body: object, response: httpx2.Response) -> openai.APIStatusError:
        return super()._make_status_error(redacted(err_msg), body=redacted_json(body), response=response)


def _connections(base_url: str) -> httpx2.Client:
    hooks = {"response": [limit_reply]}
    # The environment's proxies and certificates are for the outside world.
    if is_loopback(base_url):
        verify = _certificates() if base_url.startswith("https") else False
        return DefaultHttpxClient(verify=verify, trust_env=False, event_hooks=hooks)
    try:
        return DefaultHttpxClient(verify=_certificates(), event_hooks=hooks)
    except (ImportError, OSError, ValueError, httpx2.InvalidURL):
        check_variables(simulate=False)
        raise


@cache
def _certificates() -> SSLContext:
    """Read once per process: a separate client for each call is cheap, but reading the certificates takes 50 ms."""
    return httpx2.create_ssl_context()
