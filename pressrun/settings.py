"""Settings from the environment (and `.env`): provider, key, models, rate limits.

Invariant: the key stays a `SecretStr` until it reaches the client's header; it appears in no repr, log, parameter or
result.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AliasChoices,
    AnyHttpUrl,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from pressrun.errors import Refused

__all__ = ["Settings", "current_settings"]

OPENAI_BASE_URL = "https://api.openai.com/v1"


class Settings(BaseSettings):
    """Read from `PRESSRUN_*` variables; the provider's key and URL from OpenAI's own variables.

    Raises `Refused`, naming every variable with an invalid value.
    """

    model_config = SettingsConfigDict(env_prefix="PRESSRUN_", env_file=".env", extra="ignore", env_ignore_empty=True)

    openai_api_key: SecretStr | None = Field(None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"))
    openai_base_url: str = Field(OPENAI_BASE_URL, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"))
    openai_webhook_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("OPENAI_WEBHOOK_SECRET", "openai_webhook_secret")
    )
    """Signing secret of the webhook that `pressrun webhooks` receives."""
    text_model: str = "gpt-6-luna"
    """Model of steps 08, 09, the descriptions and the SEO meta tags."""
    image_model: str = "gpt-image-2.5-flare"
    image_quality: Literal["low", "medium", "high"] = "medium"
    realtime_timeout: PositiveInt = 600
    """Timeout in seconds of one real-time request; threads cannot be interrupted, so the client must time out."""
    realtime_retries: NonNegativeInt = 4
    """Retries of a real-time request after 408, 409, 429, 5xx or a lost connection; never after an exhausted quota.
    A wait that the provider asks for (up to 10 minutes each, 30 in all) is no retry."""
    list_lag: NonNegativeFloat = 20
    """Seconds by which the provider's list of batches may lag: how long to look for a batch whose creation response was
    lost."""
    enqueued_tokens: dict[str, PositiveInt] = Field(default_factory=dict)
    """Prompt tokens that may be enqueued in batches at a time, by model, as on the organisation's limits page; more has
    to wait for earlier batches to end. A model that is not listed has no limit here."""
    images_per_minute: PositiveInt | None = None
    """Rate limit for real-time images across all runs; None means no limit. Run `pressrun setup` to apply a change."""
    batches_per_hour: PositiveInt | None = None
    """Rate limit for created batches across all runs; applied in the same way."""
    notify_block: str | None = Field(None, pattern=r"^[^/\s]+/[^/\s]+$")
    """The Prefect block that sends notifications, such as `slack-webhook/agency`; None disables them."""
    long_wait_hours: PositiveFloat | None = None
    """Hours after which a notification is sent about an unfinished batch; None means half of its maximum wait."""
    longest_poll: PositiveFloat = 120
    """Longest poll interval in seconds, for a batch that takes hours."""
    prices_file: Path | None = None
    """The user's own price table, which overrides every other source."""
    sites_per_year: PositiveInt = 100
    """For the yearly projection in reports."""
    sites_url: AnyHttpUrl | None = None
    """The URL at which the output folder is served, for links from runs to their sites."""
    state_dir: Path = Path(".pressrun")
    """The folder of the ledger, and of the built-in simulator's files and batches."""
    simulated_batch_seconds: float = 4.0
    """Duration in seconds of a batch on the built-in simulator."""

    @property
    def ledger_file(self) -> Path:
        """The absolute path of this installation's ledger."""
        return (self.state_dir / "ledger.sqlite").resolve()

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            # Without the values, because one of them is the key.
            faults = [f"{_variable(fault['loc'][0])}: {fault['msg']}" for fault in error.errors()]
            raise Refused(_say(faults)) from None
        except SettingsError as error:
            raise Refused(_say([f"{error} (JSON is expected)"])) from None


def current_settings() -> Settings:
    """The current settings, read again only when the environment or `.env` has changed. Raises `Refused`.

    Reading them takes milliseconds, and some callers need them thousands of times in a process.
    """
    file = Path(".env").absolute()
    written = file.stat().st_mtime_ns if file.is_file() else 0
    return _read(frozenset(os.environ.items()), file, written)


@lru_cache(maxsize=1)
def _read(_environment: frozenset[tuple[str, str]], _file: Path, _written: int) -> Settings:
    return Settings()


def _variable(name: object) -> str:
    """The environment variable of a field."""
    return str(name) if str(name).isupper() else f"PRESSRUN_{name}".upper()


def _say(faults: list[str]) -> str:
    listed = "".join(f"\n  {fault}" for fault in faults)
    return f"The environment (or .env) has invalid settings; nothing was spent.{listed}"
