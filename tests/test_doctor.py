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
    assert "was not checked" in found["provider"].text
    assert found["prefect"].level == "ok"


def test_it_sees_a_provider_that_can_batch_and_spends_nothing(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as base_url:
        found = findings(openai_api_key="sk-test", openai_base_url=base_url)
    assert [found[subject].level for subject in ("key", "provider", "batch")] == ["ok"] * 3
    assert "SIMULATED" in found["provider"].text


def test_a_provider_without_batches_is_a_warning() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/v1/batches"):
            return Reply({}, 404)
        return Reply({"data": []}) if asked.path == "/v1/models" else Reply({}, 400)

    with serving(answer) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url)
    assert (found["provider"].level, found["batch"].level) == ("ok", "warn")
    assert "no /v1/batches" in found["batch"].text
    assert {asked.body for asked in server.asked if asked.path.startswith(("/v1/chat", "/v1/images"))} == {b"{}"}


def test_a_refused_key_is_bad_and_is_not_shown() -> None:
    with serving(lambda _asked: Reply({}, 401)) as server:
        found = findings(openai_api_key="sk-very-secret", openai_base_url=server.base_url)
    assert found["provider"].level == "bad"
    assert "refused the key" in found["provider"].text
    assert not any("very-secret" in finding.text for finding in found.values())


@pytest.mark.parametrize(
    ("model", "level", "text"),
    [
        ("gpt-6-luna", "ok", "no shutdown date, according to our table of 2026-11-23; can be batched"),
        ("gpt-5.1", "ok", "shuts down on 2027-04-01, according to our table of 2026-11-23; can be batched"),
        ("gpt-4o-mini", "warn", "in 52 days. Use gpt-6-luna instead. (According to our table of 2026-11-23.)"),
        ("dall-e-3", "bad", "Use gpt-image-2.5-flare instead. (According to our table of 2026-11-23.)"),
        ("qwen3-32b", "warn", "not in our table; its shutdown date is unknown"),
        ("gpt-image-2.6-flare", "ok", "cannot be batched"),
    ],
)
def test_each_model_is_looked_up(model: str, level: str, text: str) -> None:
    found = findings(text_model=model)[model]
    assert found.level == level
    assert text in found.text


def with_a_list(models: list[dict[str, object]], **settings: object) -> dict[str, Finding]:
    """What is found at a provider that lists these models."""
    with serving(lambda _asked: Reply({"data": models})) as server:
        return findings(openai_api_key="sk-test", openai_base_url=server.base_url, **settings)


@pytest.mark.parametrize(
    ("model", "day", "level", "text"),
    [
        (
            "gpt-6-luna",
            "2028-01-01",
            "ok",
            "shuts down on 2028-01-01, according to the provider's own list; can be batched",
        ),
        (
            "gpt-6-luna",
            "2026-12-24",
            "warn",
            "in 31 days, according to the provider's own list. Choose a current model instead.",
        ),
        ("gpt-6-luna", "2026-11-23", "bad", "was shut down on 2026-11-23, according to the provider's own list."),
        (
            "qwen3-32b",
            "2028-01-01",
            "warn",
            "not in our table; shuts down on 2028-01-01, according to the provider's own list",
        ),
        ("gpt-5.1", None, "ok", "shuts down on 2027-04-01, according to our table of 2026-11-23"),
    ],
)
def test_the_providers_own_dates_come_first(model: str, day: str | None, level: str, text: str) -> None:
    found = with_a_list([{"id": model, "shutdown_date": day}], text_model=model)[model]
    assert found.level == level
    assert text in found.text


def test_a_model_that_the_provider_does_not_list_is_a_warning() -> None:
    found = with_a_list([{"id": "gpt-image-2.5-flare"}], text_model="gpt-6-lunar")
    assert found["models"].level == "warn"
    assert "does not list gpt-6-lunar; check the name" in found["models"].text


@pytest.mark.parametrize("listed", [[], [{"id": "gpt-6-luna"}, {"id": "gpt-image-2.5-flare"}, {"id": "other"}]])
def test_nothing_is_said_of_a_list_that_is_empty_or_has_both_models(listed: list[dict[str, object]]) -> None:
    assert "models" not in with_a_list(listed)


def test_prices_are_shown_with_their_tiers_their_day_and_their_source() -> None:
    found = findings(image_model="gpt-image-2.6-flare")
    luna, flare = found["prices of gpt-6-luna"], found["prices of gpt-image-2.6-flare"]
    assert (luna.level, flare.level) == ("ok", "ok")
    assert luna.text.startswith(
        "standard, batch, flex, priority; standard 0.1 in, 0.5 out at api.openai.com (USD per million tokens); as of "
        "2026-10-14 (source: OpenAI's, from genai-prices "
    )
    assert "; as of 2026-11-23 (source: OpenAI's, from Pressrun's own table " in flare.text


def test_prices_are_those_of_the_place_that_serves_the_calls(tmp_path: Path) -> None:
    regional = findings(openai_base_url="https://eu.api.openai.com/v1")["prices of gpt-6-luna"]
    assert regional.level == "ok"
    assert "standard 0.11 in, 0.55 out at eu.api.openai.com" in regional.text
    assert "(source: OpenAI's plus 10 % for eu.api.openai.com, from genai-prices" in regional.text
    private = findings(openai_base_url="http://127.0.0.1:4000/v1")["prices of gpt-6-luna"]
    assert private.level == "warn"
    assert "127.0.0.1:4000 names no provider, so its own prices may differ" in private.text
    public = findings(openai_base_url="https://gateway.example/v1")["prices of gpt-6-luna"]
    assert public.level == "bad"
    assert "gateway.example is not the address of a provider whose prices Pressrun knows" in public.text
    prices = tmp_path / "prices.yaml"
    prices.write_text("{prices_of: https://api.openai.com/v1, names: {our-luna: gpt-6-luna}}")
    told = findings(openai_base_url="https://gateway.example/v1", text_model="our-luna", prices_file=prices)
    assert told["prices of our-luna"].level == "ok"
    assert told["prices of our-luna"].text.startswith("stands for gpt-6-luna: standard, batch, flex, priority; ")
    assert f"{prices} says that gateway.example charges the same" in told["prices of our-luna"].text
    assert told["gpt-6-luna"].level == "ok"


def test_a_simulator_has_the_prices_of_openai_wherever_it_runs(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as base_url:
        found = findings(openai_api_key="sk-test", openai_base_url=base_url)["prices of gpt-6-luna"]
    assert found.level == "ok"
    assert "names no provider" not in found.text


def test_old_prices_are_a_warning_with_the_way_out() -> None:
    found = findings(date(2027, 1, 13))["prices of gpt-6-luna"]
    assert found.level == "warn"
    assert found.text.startswith(
        "standard, batch, flex, priority; standard 0.1 in, 0.5 out at api.openai.com. The prices of gpt-6-luna were "
        "read on 2026-10-14, 91"
    )
    assert "PRESSRUN_PRICES_FILE" in found.text


def test_a_model_without_a_price_is_bad_until_the_users_table_gives_one(tmp_path: Path) -> None:
    missing = findings(text_model="qwen3-32b")["prices of qwen3-32b"]
    assert missing.level == "bad"
    assert "add its price to your own price table (PRESSRUN_PRICES_FILE)" in missing.text
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "models: {qwen3-32b: {source: contract 17, as_of: 2026-11-01, standard: {input: 0.1, output: 0.4}}}"
    )
    given = findings(text_model="qwen3-32b", prices_file=prices)["prices of qwen3-32b"]
    assert given.level == "ok"
    assert given.text == (
        "standard; standard 0.1 in, 0.4 out at api.openai.com (USD per million tokens); as of 2026-11-01 (source: "
        f"{prices} (as of 2026-11-01: contract 17))"
    )


def test_a_faulty_price_table_is_bad_and_stops_nothing_else(tmp_path: Path) -> None:
    found = findings(prices_file=tmp_path / "none.yaml")
    assert found["prices"].level == "bad"
    assert "file not found" in found["prices"].text
    assert found["gpt-6-luna"].level == "ok"


@pytest.mark.parametrize("status", [404, 405])
def test_an_address_without_v1_is_bad_and_told_apart_from_a_small_server(status: int) -> None:
    with serving(lambda _asked: Reply({"detail": "Not Found"}, status)) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url.removesuffix("/v1"))
    assert found["provider"].level == "bad"
    assert "normally ends in /v1" in found["provider"].text
    assert "batch" not in found


def test_a_server_that_only_lists_no_models_is_fine() -> None:
    with serving(lambda asked: Reply({}, 404 if asked.path == "/v1/models" else 400)) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url)
    assert found["provider"].level == "ok"


def test_a_server_without_images_is_bad() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply({"data": []}) if asked.method == "GET" else Reply({}, 404 if "images" in asked.path else 400)

    with serving(answer) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url)
    assert (found["provider"].level, found["images"].level) == ("ok", "bad")


def test_variables_that_no_client_can_use_are_bad_and_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/cacert.pem")
    monkeypatch.setenv("ALL_PROXY", "'socks5://127.0.0.1:1'")
    with serving(lambda _asked: Reply({"data": []})) as server:
        found = findings(openai_api_key="sk-test", openai_base_url=server.base_url)
    assert found["SSL_CERT_FILE"].level == found["ALL_PROXY"].level == "bad"
    assert found["provider"].level == "warn"
    assert not server.asked


def test_a_ledger_that_is_none_is_bad(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("no database at all, really not")
    assert "file is not a database" in findings(state_dir=tmp_path)["state"].text


def test_a_prefect_server_that_does_not_answer_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    found = findings()["prefect"]
    assert found.level == "bad"
    assert "http://127.0.0.1:1/api does not answer" in found.text


def test_a_check_that_fails_itself_is_a_finding_and_the_others_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_settings: Settings) -> None:
        raise RuntimeError("odd environment")

    monkeypatch.setattr("pressrun.doctor.check_state", fail)
    found = findings()
    assert found["state"] == Finding(
        level="bad", subject="state", text="the check itself failed (RuntimeError: odd environment)"
    )
    assert found["prefect"].level == "ok"
