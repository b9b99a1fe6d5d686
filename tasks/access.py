"""Access to the provider: the key, the client, and the built-in simulator, but only when it was requested.

Invariant: the key is looked up where the client is created; it is never a task parameter, a result or a log line.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from openai import OpenAI
from prefect.blocks.system import Secret
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from pressrun.errors import ProviderUnfit
from pressrun.routes.needs import Need, check_provider
from pressrun.routes.provider import Provider, open_client
from pressrun.settings import Settings, checked_key, current_settings
from pressrun.simulator import running_simulator

__all__ = ["KEY_BLOCK", "client_for", "provider_for"]

KEY_BLOCK = "openai-api-key"
"""Name of the Prefect Secret block that is used when OPENAI_API_KEY is not set."""


def client_for(provider: Provider) -> OpenAI:
    """A client for the provider. Raises `ProviderUnfit` when there is no usable key."""
    settings = current_settings()
    key = SecretStr("sk-simulated") if provider.built_in else _key(settings)
    return open_client(provider, key, settings)


def _key(settings: Settings) -> SecretStr:
    if settings.openai_api_key and settings.openai_api_key.get_secret_value():
        return settings.openai_api_key
    try:
        return checked_key(SecretStr(str(_load_secret().get())))
    except PydanticCustomError as fault:
        raise ProviderUnfit(f"The Prefect Secret block {KEY_BLOCK} {fault.message()}. Nothing was spent.") from None
    except ValueError:
        raise ProviderUnfit(
            f"There is no OpenAI key. Nothing was spent. Set OPENAI_API_KEY, or create a Prefect Secret block named "
            f"{KEY_BLOCK}. To try Pressrun without a key, simulate the run (--simulate)."
        ) from None


def _load_secret() -> Secret[str]:
    block = Secret.load(KEY_BLOCK)
    assert isinstance(block, Secret)
    return block


@contextmanager
def provider_for(*, simulate: bool, needs: Collection[Need]) -> Iterator[Provider]:
    """The provider of a run, checked before anything is spent; the simulator runs until the block ends.

    Raises `ProviderUnfit`.
    """
    settings = current_settings()
    if simulate:
        folder = settings.state_dir / "simulator"
        with ExitStack() as stack:
            yield Provider(base_url=_start_simulator(folder, settings, stack), simulated=True, built_in=True)
        return
    provider = Provider(base_url=settings.openai_base_url)
    with client_for(provider) as client:
        checked = check_provider(client, provider.base_url, needs, settings.text_model)
    yield checked


def _start_simulator(folder: Path, settings: Settings, stack: ExitStack) -> str:
    try:
        return stack.enter_context(running_simulator(folder, batch_seconds=settings.simulated_batch_seconds))
    except (OSError, RuntimeError) as error:
        raise ProviderUnfit(
            f"The built-in simulator cannot start in {folder.resolve()} ({error}). Nothing was spent. Move the folder "
            "away, or set PRESSRUN_STATE_DIR to another."
        ) from None
