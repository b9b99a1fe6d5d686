from datetime import date
from pathlib import Path

import pytest

from pressrun.doctor import Finding, examine
from pressrun.settings import Settings
from pressrun.simulator import running_simulator
from tests.routes.raw_server import Asked, Reply, serving

TODAY = date(2026, 11, 23)


def findings(today: date = TODAY, **settings: object) -> dict[str, Finding]:
    return {found.subject: found for found in examine(Settings(_env_file=None, **settings), today)}


def test_without_a_key_it_asks_nobody_and_says_what_to_do() -> None:
    found = findings()
    assert found["key"].level == found["provider"].level == "warn"
    assert "--simulate" in found["key"].text
    assert "was not asked" in found["provider"].text
    assert found["prefect"].level == "ok"


def test_it_sees_a_provider_that_can_batch_and_spends_nothing(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as base_url:
        found = findings(openai_api_key="sk-test", openai_base_url=base_url)
    assert [found[subject].level for subject in ("key", "provider", "batch")] == ["ok"] * 3
    assert "SIMULATED" in found["provider"].text


def test_a_provider_without_batches_is_a_warning() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply({"data": []}) if asked.path == "/v1/models" else Reply({}, 404)

    with serving(answer) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url)
    assert (found["provider"].level, found["batch"].level) == ("ok", "warn")
    assert "no /v1/batches" in found["batch"].text
    assert {asked.method for asked in server.asked} == {"GET"}


def test_a_refused_key_is_bad_and_is_not_shown() -> None:
    with serving(lambda _asked: Reply({}, 401)) as server:
        found = findings(openai_api_key="sk-very-secret", openai_base_url=server.base_url)
    assert found["provider"].level == "bad"
    assert "refused the key" in found["provider"].text
    assert not any("very-secret" in finding.text for finding in found.values())


@pytest.mark.parametrize(
    ("model", "level", "text"),
    [
        ("gpt-6-luna", "ok", "no shutdown date announced; can be batched"),
        ("gpt-5.1", "ok", "shuts down on 2027-04-01; can be batched"),
        ("gpt-4o-mini", "warn", "in 52 days. Use gpt-6-luna instead."),
        ("dall-e-3", "bad", "Use gpt-image-2.5-flare instead."),
        ("qwen3-32b", "warn", "its price must be in PRESSRUN_PRICES_FILE"),
        ("gpt-image-2.6-flare", "ok", "cannot be batched"),
    ],
)
def test_each_model_is_looked_up(model: str, level: str, text: str) -> None:
    found = findings(text_model=model)[model]
    assert found.level == level
    assert text in found.text
