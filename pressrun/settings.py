"""Settings from the environment (and `.env`): provider, key, models, rate limits.

Invariants: the key stays a `SecretStr` until it reaches the client's header; it appears in no repr, log, parameter or
result. A key goes to an address that a folder's `.env` names only when it is in the same file: whoever hands over a
folder must not learn the key of the person who works in it.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyHttpUrl,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pressrun.errors import ProviderUnfit, Refused

__all__ = ["Settings", "checked_key", "current_settings", "spare_simulator"]

OPENAI_BASE_URL = "https://api.openai.com/v1"
ENV_FILE, ENCODING = ".env", "utf-8-sig"
NOT_IN_A_KEY = re.compile(r"""[^\x21-\x7e]|["'`]""")
"""A header holds visible ASCII (RFC 9110, section 5.5); quotes come from copying."""
OURS = "pressrun"
"""Type of our own faults, whose text begins with a verb."""


def checked_key(key: SecretStr) -> SecretStr:
    """The key without surrounding white space. Raises a fault that gives the place and not the key."""
    text = key.get_secret_value().strip()
    if found := NOT_IN_A_KEY.search(text):
        place = {"position": found.start() + 1}
        raise PydanticCustomError(OURS, "has a character that no key has (position {position})", place)
    return SecretStr(text)


def _checked_address(address: str) -> str:
    """The address of a provider. No fault repeats it, because it may contain a password."""
    fault = _fault_of(address)
    if fault:
        raise PydanticCustomError(OURS, fault)
    return address.rstrip("/")


def _fault_of(address: str) -> str | None:
    if address.startswith(('"', "'", "`", "\u201c", "\u2018")):
        return "is in quotes. Remove them"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or not address.isascii() or re.search(r"[\s\"'<>\\]", address):
        return "is not an address. It begins with http:// or https:// and normally ends in /v1"
    if parts.username is not None:
        return "contains a user name or password. Remove it; what the server asks for goes into OPENAI_API_KEY"
    if parts.query or parts.fragment or address[-1] in "?#":
        return "has a part after ? or #, which no request could keep. Remove it; the address normally ends in /v1"
    return None


def _parsed(value: object) -> object:
    """The JSON of a variable; decoded here, so that a fault in it does not hide those of other variables."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        fault = 'is not JSON. Write it like {"gpt-6-luna": 2000000}'
        raise PydanticCustomError(OURS, "{fault}", {"fault": fault}) from None


class Settings(BaseSettings):
    """Read from `PRESSRUN_*` variables; the provider's key and URL from OpenAI's own variables.

    Raises `Refused`, naming every variable with an invalid value.
    """

    model_config = SettingsConfigDict(
        env_prefix="PRESSRUN_", env_file=ENV_FILE, env_file_encoding=ENCODING, extra="ignore", env_ignore_empty=True
    )

    openai_api_key: Annotated[SecretStr, AfterValidator(checked_key)] | None = Field(
        None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key")
    )
    openai_base_url: Annotated[str, AfterValidator(_checked_address)] = Field(
        OPENAI_BASE_URL, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url")
    )
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
    enqueued_tokens: Annotated[dict[str, PositiveInt], NoDecode, BeforeValidator(_parsed)] = Field(default_factory=dict)
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

    _folder: dict[str, str] = PrivateAttr(default_factory=dict)
    """What `.env` says where the environment says nothing, by lower-case name."""

    @property
    def ledger_file(self) -> Path:
        """The absolute path of this installation's ledger."""
        return (self.state_dir / "ledger.sqlite").resolve()

    def __init__(self, **values: Any) -> None:
        file = Path(values.get("_env_file", ENV_FILE) or os.devnull)
        _require_text(file)
        try:
            super().__init__(**values)
        except ValidationError as error:
            # Without the values, because one of them is the key.
            faults = [_told(_variable(fault["loc"][0]), fault["type"], fault["msg"]) for fault in error.errors()]
            raise Refused(_say(faults)) from None
        if file.is_file():
            # As written, because `${NAME}` would stand for a value of the environment.
            written = _filled(dotenv_values(file, encoding=ENCODING, interpolate=False))
            self._folder = {name: value for name, value in written.items() if name not in _filled(os.environ)}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # given by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The usual sources, without the white space around their values; a blank value counts as not set."""
        for source in (env_settings, dotenv_settings):
            assert isinstance(source, EnvSettingsSource)
            source.env_vars = _filled(source.env_vars)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    def release(self, key: SecretStr) -> SecretStr:
        """The key, for the provider's client.

        Raises `ProviderUnfit` when a folder's `.env` names the address and the key is not in that file.
        """
        address = self._folder.get("openai_base_url", "")
        is_chosen = bool(address) and self.openai_base_url != OPENAI_BASE_URL
        if is_chosen and ("${" in address or key.get_secret_value() != self._folder.get("openai_api_key")):
            raise ProviderUnfit(
                f"OPENAI_BASE_URL is set in {ENV_FILE} and the key is not, so the key of this "
                "environment would go to an address that the folder chose. Nothing was spent. If the address is "
                f"yours, set OPENAI_BASE_URL in the environment too, or OPENAI_API_KEY in {ENV_FILE}."
            )
        return key


def _filled(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Variables that are not blank, by lower-case name, without white space around their values."""
    return {name.lower(): value.strip() for name, value in variables.items() if value and value.strip()}


def _require_text(file: Path) -> None:
    """Raise `Refused` for a file that cannot be read, or not as UTF-8, which Prefect would fail on as well."""
    if file.is_fifo():
        raise Refused(
            f"{file.absolute()} is a named pipe, which can be read only once. Nothing was spent. Replace it by a file, "
            "or set the variables in the environment."
        )
    try:
        is_text = not file.is_file() or "\0" not in file.read_text(ENCODING)
    except OSError as error:
        raise Refused(
            f"{file.absolute()} cannot be read ({error.strerror}). Nothing was spent. Make it readable, or remove it."
        ) from None
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        raise Refused(f"{file.absolute()} cannot be read as UTF-8. Nothing was spent. Save it in this encoding.")


def spare_simulator() -> None:
    """Have this process do without a key and an address that nobody could use: the built-in simulator needs neither.

    Raises `Refused` for a `.env` that cannot be read.
    """
    file = Path(ENV_FILE)
    _require_text(file)
    folder = _filled(dotenv_values(file, encoding=ENCODING)) if file.is_file() else {}
    given = folder | _filled(os.environ)
    try:
        checked_key(SecretStr(given.get("openai_api_key", "")))
    except PydanticCustomError:
        _set("OPENAI_API_KEY", "sk-simulated")
    if _fault_of(given.get("openai_base_url", OPENAI_BASE_URL)):
        _set("OPENAI_BASE_URL", OPENAI_BASE_URL)


def _set(variable: str, value: str) -> None:
    """Set a variable, which may be there in another spelling, and so override `.env`."""
    for name in [name for name in os.environ if name.upper() == variable]:
        del os.environ[name]
    os.environ[variable] = value


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


def _told(variable: str, kind: str, fault: str) -> str:
    return f"{variable} {fault}" if kind == OURS else f"{variable}: {fault}"


def _say(faults: list[str]) -> str:
    listed = "".join(f"\n  {fault}" for fault in faults)
    return f"The environment (or .env) has invalid settings; nothing was spent.{listed}"
