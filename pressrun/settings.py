"""What the environment (and `.env`) decides: provider, key, models, pace.

Invariant: the key is a `SecretStr` from here to the client's header; it is in no repr, log, parameter or result.
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
    """Read from `PRESSRUN_*` variables; the provider's key and address from OpenAI's own names.

    Raises `Refused`, naming every variable that has a value it cannot have.
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
    """Seconds that one real-time request may take; threads cannot be interrupted, so the client must give up."""
    realtime_retries: NonNegativeInt = 4
    """Times that a real-time request is asked again after 408, 409, 429, 5xx or a lost connection; never after a spent
    quota, and Retry-After is honoured up to 10 minutes."""
    list_lag: NonNegativeFloat = 20
    """Seconds by which the provider's list of batches may lag behind; how long an unheard creation is looked for."""
    enqueued_tokens: dict[str, PositiveInt] = Field(default_factory=dict)
    """Prompt tokens that may be enqueued in batches at a time, by model, as the organisation's limits page says; what
    does not fit waits for earlier batches to end. A model that is not named has no limit here."""
    images_per_minute: PositiveInt | None = None
    """Images that may be asked for in real time, by all runs together; None means no limit. `pressrun setup` puts it
    into force."""
    batches_per_hour: PositiveInt | None = None
    """Batches that may be created, by all runs together; as above."""
    notify_block: str | None = Field(None, pattern=r"^[^/\s]+/[^/\s]+$")
    """The Prefect block that notifications are sent by, as `slack-webhook/agency`; None means that none are sent."""
    long_wait_hours: PositiveFloat | None = None
    """Hours after which a batch that has not ended is told of; None means half of its maximum wait."""
    longest_poll: PositiveFloat = 120
    """Seconds between two looks at a batch that takes hours."""
    prices_file: Path | None = None
    """The user's own price table; it wins over every other source."""
    sites_per_year: PositiveInt = 100
    """For the yearly figures of the report."""
    sites_url: AnyHttpUrl | None = None
    """Under which address the output folder is served, for links from runs to what they delivered."""
    state_dir: Path = Path(".pressrun")
    """Where the ledger is, and where the built-in simulator keeps its files and batches."""
    simulated_batch_seconds: float = 4.0
    """Seconds that a batch takes on the built-in simulator."""

    @property
    def ledger_file(self) -> Path:
        """The ledger of this installation, absolute."""
        return (self.state_dir / "ledger.sqlite").resolve()

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            # Not the values: one of them is the key.
            faults = [f"{_variable(fault['loc'][0])}: {fault['msg']}" for fault in error.errors()]
            raise Refused(_say(faults)) from None
        except SettingsError as error:
            raise Refused(_say([f"{error} (JSON is expected)"])) from None


def current_settings() -> Settings:
    """The settings as the environment and `.env` are now, read anew when one of them has changed. Raises `Refused`.

    For what asks thousands of times in a process: reading them takes milliseconds.
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
    return f"The environment (or .env) has faulty settings; nothing was spent.{listed}"
