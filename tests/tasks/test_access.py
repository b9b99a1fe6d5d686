from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.blocks.system import Secret

from pressrun.errors import ProviderUnfit
from pressrun.routes.needs import Need
from pressrun.routes.provider import Provider
from pressrun.simulator import running_simulator
from tasks.access import KEY_BLOCK, client_for, provider_for

ELSEWHERE = Provider(base_url="https://api.example.com/v1")

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def secret_block() -> Iterator[None]:
    Secret(value="sk-from-block").save(KEY_BLOCK)
    yield
    Secret.delete(f"{KEY_BLOCK}")


def test_without_a_key_no_client_is_made_and_the_choices_are_named() -> None:
    with pytest.raises(ProviderUnfit, match="OPENAI_API_KEY") as refused:
        client_for(ELSEWHERE)
    assert KEY_BLOCK in str(refused.value)
    assert "--simulate" in str(refused.value)
    assert "Nothing was spent" in str(refused.value)


def test_the_key_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-env")
    with client_for(ELSEWHERE) as client:
        assert (client.api_key, str(client.base_url)) == ("sk-from-env", "https://api.example.com/v1/")


def test_without_one_it_is_that_of_the_secret_block(secret_block: None) -> None:
    with client_for(ELSEWHERE) as client:
        assert client.api_key == "sk-from-block"


def test_the_environment_wins_over_the_block(secret_block: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-env")
    with client_for(ELSEWHERE) as client:
        assert client.api_key == "sk-from-env"


def test_the_built_in_simulator_is_never_sent_the_real_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-env")
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path))
    with provider_for(simulate=True, needs=[Need.BATCHES]) as provider, client_for(provider) as client:
        assert (provider.simulated, provider.built_in) == (True, True)
        assert client.api_key != "sk-from-env"
        assert client.models.list().data


def test_a_provider_is_checked_and_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with running_simulator(tmp_path) as base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{base_url}/")
        with provider_for(simulate=False, needs=[Need.BATCHES]) as provider:
            assert (provider.base_url, provider.simulated, provider.built_in) == (base_url, True, False)
            assert "secret" not in f"{provider!r} {provider.model_dump_json()}"


def test_a_block_with_a_key_that_no_header_can_hold_is_refused_without_telling_it() -> None:
    Secret(value="\u201csk-hush\u201d").save(KEY_BLOCK)
    try:
        with pytest.raises(
            ProviderUnfit, match=r"openai-api-key has a character that no key has \(position 1\)"
        ) as said:
            client_for(ELSEWHERE)
    finally:
        Secret.delete(KEY_BLOCK)
    assert "hush" not in str(said.value)


def test_the_key_of_the_block_does_not_go_to_an_address_that_a_folder_names(
    secret_block: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=https://evil.example/v1\n")
    with pytest.raises(ProviderUnfit, match=r"OPENAI_BASE_URL is set in \.env"):
        client_for(Provider(base_url="https://evil.example/v1"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_simulator_that_cannot_start_is_refused_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path))
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "state.sqlite3").write_text("no database at all, really not")
    with (
        pytest.raises(ProviderUnfit, match=r"simulator cannot start in .*/simulator"),
        provider_for(simulate=True, needs=[]),
    ):
        pass
