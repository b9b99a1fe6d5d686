"""Checking a provider before anything is spent."""

from datetime import date
from typing import Any

import pytest

from pressrun.errors import ProviderUnfit
from pressrun.routes.provider import ModelList, Provider, check_provider, list_models
from tests.routes.driving import connect
from tests.routes.raw_server import Asked, RawServer, Reply, serving

EMPTY_LIST = Reply({"object": "list", "data": [], "has_more": False})
NOT_FOUND = Reply({"error": {"message": "Not found"}}, status=404)


def check(models: Reply | None = EMPTY_LIST, batches: Reply | None = EMPTY_LIST, *, needs_batch: bool = True) -> Any:
    """Check a server that answers the two lists so; gives the provider and the server that was asked."""

    def answer(asked: Asked) -> Reply | None:
        return models if asked.path.startswith("/v1/models") else batches

    with serving(answer) as server, connect(server.base_url) as client:
        return check_provider(client, server.base_url, needs_batch=needs_batch), server


def test_our_simulator_is_noticed(base_url: str) -> None:
    with connect(base_url) as client:
        provider = check_provider(client, base_url, needs_batch=True)
    assert provider.simulated
    assert provider.base_url == base_url


def test_the_shutdowns_that_our_simulator_lists_are_read(base_url: str) -> None:
    with connect(base_url) as client:
        provider = check_provider(client, base_url, needs_batch=False)
        listed = list_models(client, base_url)
    assert listed.shutdowns == provider.shutdowns
    assert listed.names > set(listed.shutdowns)
    assert "gpt-6-luna" in listed.names - set(listed.shutdowns)


def test_another_server_is_not_taken_for_our_simulator() -> None:
    models = Reply({"object": "list", "data": [{"id": "gpt-6-luna", "owned_by": "openai"}, {"id": "bare"}]})
    provider, server = check(models)
    assert provider == Provider(base_url=server.base_url, simulated=False)


def test_shutdowns_are_read_from_the_list_and_what_is_no_date_is_ignored() -> None:
    strange = ["soon", "", 20261211, True, ["2026-12-11"], {"day": 1}, "2026-12-11T00:00:00Z", "2026-13-01"]
    models: list[Any] = [{"id": f"strange-{number}", "shutdown_date": text} for number, text in enumerate(strange)]
    models += [{"id": "gpt-5", "shutdown_date": "2026-12-11"}, {"id": "gpt-6-luna", "shutdown_date": None}]
    models += [{"id": "bare"}, {"shutdown_date": "2026-12-11"}, {"id": 7, "shutdown_date": "2026-12-11"}, "gpt-4", None]
    provider, _ = check(Reply({"object": "list", "data": models}))
    assert provider.shutdowns == {"gpt-5": date(2026, 12, 11)}


def test_what_a_provider_says_of_its_models_does_not_make_it_another_one() -> None:
    address = "https://api.example.com/v1"
    told = Provider(base_url=address, shutdowns={"gpt-5": date(2026, 12, 11)})
    assert told.identity == Provider(base_url=address).identity
    assert Provider.model_validate_json(told.model_dump_json()) == told


def test_a_server_without_a_list_of_models_names_none() -> None:
    with serving(lambda _asked: NOT_FOUND) as server, connect(server.base_url) as client:
        assert list_models(client, server.base_url) == ModelList()


def test_a_wrong_key_is_refused_with_where_to_look(base_url: str) -> None:
    with connect(base_url, key="wrong") as client, pytest.raises(ProviderUnfit, match="OPENAI_API_KEY") as unfit:
        check_provider(client, base_url, needs_batch=True)
    assert "HTTP 401" in str(unfit.value)
    assert "Nothing was spent" in str(unfit.value)


def test_a_key_that_may_not_use_batches_is_refused() -> None:
    with pytest.raises(ProviderUnfit, match=r"refused the key \(HTTP 403\)"):
        check(batches=Reply({"error": {"message": "Missing scopes"}}, status=403))


def test_an_address_that_nobody_answers_at_is_said() -> None:
    with serving(lambda _asked: None) as server:
        address = server.base_url
    with connect(address) as client, pytest.raises(ProviderUnfit, match="cannot be reached") as unfit:
        check_provider(client, address, needs_batch=False)
    assert address in str(unfit.value)
    assert "OPENAI_BASE_URL" in str(unfit.value)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_batches_is_refused_with_the_choice_left(status: int) -> None:
    with pytest.raises(ProviderUnfit, match="has no /v1/batches") as unfit:
        check(batches=Reply({"detail": "Not Found"}, status=status))
    assert "--prefer speed" in str(unfit.value)
    assert "never_batch" in str(unfit.value)


def test_a_server_without_batches_will_do_when_none_is_needed() -> None:
    _, server = check(batches=NOT_FOUND, needs_batch=False)
    assert isinstance(server, RawServer)
    assert server.counts == {"GET /v1/models": 1}


def test_a_server_that_lists_no_models_is_tolerated() -> None:
    provider, _ = check(models=NOT_FOUND)
    assert not provider.simulated


@pytest.mark.parametrize("data", [None, []])
def test_an_empty_list_of_models_is_tolerated(data: Any) -> None:
    provider, _ = check(models=Reply({"object": "list", "data": data}))
    assert not provider.simulated


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain"])
def test_a_web_page_is_no_api(content_type: str) -> None:
    with pytest.raises(ProviderUnfit, match="normally ends in /v1"):
        check(models=Reply(b"<!doctype html><title>Welcome</title>", content_type=content_type))


def test_a_web_page_in_place_of_batches_is_no_api_either() -> None:
    with pytest.raises(ProviderUnfit, match=r"/batches.* is not JSON"):
        check(models=NOT_FOUND, batches=Reply(b"<html>", content_type="text/html"))


def test_a_server_in_trouble_is_said_before_the_start() -> None:
    with pytest.raises(ProviderUnfit, match="HTTP 503 to the first check"):
        check(models=Reply({"error": {"message": "Overloaded"}}, status=503))


def test_a_lost_connection_at_the_list_of_batches_is_said() -> None:
    with pytest.raises(ProviderUnfit, match="cannot be reached"):
        check(batches=None)
