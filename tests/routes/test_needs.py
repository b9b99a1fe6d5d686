"""Checking a provider before anything is spent."""

import json
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import pytest

from pressrun.errors import ProviderUnfit
from pressrun.routes.needs import ModelList, Need, check_provider, list_models
from pressrun.routes.provider import Provider
from tests.patience import get
from tests.routes.driving import connect
from tests.routes.raw_server import Asked, RawServer, Reply, serving

EMPTY_LIST = Reply({"object": "list", "data": [], "has_more": False})
NOT_FOUND = Reply({"error": {"message": "Not found"}}, status=404)


BATCHES = [Need.BATCHES]


ALL = list(Need)


def check(
    models: Reply | None = EMPTY_LIST, batches: Reply | None = EMPTY_LIST, *, needs: Collection[Need] = BATCHES
) -> Any:
    """Check a server that answers the two lists so; gives the provider and the server that was asked."""

    def answer(asked: Asked) -> Reply | None:
        return models if asked.path.startswith("/v1/models") else batches

    with serving(answer) as server, connect(server.base_url) as client:
        return check_provider(client, server.base_url, needs), server


def test_our_simulator_is_noticed(base_url: str) -> None:
    with connect(base_url) as client:
        provider = check_provider(client, base_url, BATCHES)
    assert provider.simulated
    assert provider.base_url == base_url


def test_the_shutdowns_that_our_simulator_lists_are_read(base_url: str) -> None:
    with connect(base_url) as client:
        provider = check_provider(client, base_url, [])
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
        check_provider(client, base_url, BATCHES)
    assert "HTTP 401" in str(unfit.value)
    assert "Nothing was spent" in str(unfit.value)


def test_a_key_that_may_not_use_batches_is_refused() -> None:
    with pytest.raises(ProviderUnfit, match=r"refused the key \(HTTP 403: Missing scopes\)"):
        check(batches=Reply({"error": {"message": "Missing scopes"}}, status=403))


def test_an_address_that_nobody_answers_at_is_said() -> None:
    with serving(lambda _asked: None) as server:
        address = server.base_url
    with connect(address) as client, pytest.raises(ProviderUnfit, match="cannot be reached") as unfit:
        check_provider(client, address, [])
    assert address in str(unfit.value)
    assert "OPENAI_BASE_URL" in str(unfit.value)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_batches_is_refused_with_the_choice_left(status: int) -> None:
    with pytest.raises(ProviderUnfit, match="has no /v1/batches") as unfit:
        check(batches=Reply({"detail": "Not Found"}, status=status))
    assert "--prefer speed" in str(unfit.value)
    assert "never_batch" in str(unfit.value)


def test_a_server_without_batches_will_do_when_none_is_needed() -> None:
    _, server = check(batches=NOT_FOUND, needs=[])
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


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"error": {"message": "No connected db."}},
            r"refused the first check of /batches \(HTTP 200: No connected db\)",
        ),
        ("Welcome.", r"/batches \(HTTP 200: Welcome\)"),
        ({"error": "Unexpected endpoint or method. (GET /v1/batches)"}, "has no /v1/batches"),
        ({}, "its response to /batches is not a list of batches"),
        (3, "its response to /batches is not a list of batches"),
    ],
)
def test_a_list_of_batches_that_no_run_can_use_is_refused_in_the_providers_words(body: Any, said: str) -> None:
    with pytest.raises(ProviderUnfit, match=said) as unfit:
        check(batches=Reply(body))
    assert "Nothing was spent" in str(unfit.value)


@pytest.mark.parametrize("body", [[], [{"id": 1}], {"object": "list", "data": None}])
def test_a_list_of_batches_in_any_form_will_do(body: Any) -> None:
    check(batches=Reply(body))


def test_a_server_in_trouble_is_said_before_the_start() -> None:
    with pytest.raises(ProviderUnfit, match=r"first check of /models with HTTP 503: Overloaded\. Nothing"):
        check(models=Reply({"error": {"message": "Overloaded"}}, status=503))


def test_a_lost_connection_at_the_list_of_batches_is_said() -> None:
    with pytest.raises(ProviderUnfit, match="cannot be reached"):
        check(batches=None)


def answering(**replies: Reply | None) -> Callable[[Asked], Reply | None]:
    """A server that answers `POST_images` and the like so, and everything else as a complete server does."""
    usual = {"GET": EMPTY_LIST, "DELETE": Reply({"deleted": True}), "POST": Reply({"error": {"message": "no"}}, 400)}

    def answer(asked: Asked) -> Reply | None:
        service = asked.path.removeprefix("/v1/").partition("?")[0].partition("/")[0]
        usual_upload = Reply({"id": "file-1"}) if (asked.method, service) == ("POST", "files") else None
        return replies.get(f"{asked.method}_{service}", usual_upload or usual[asked.method])

    return answer


def check_all(**replies: Reply | None) -> RawServer:
    with serving(answering(**replies)) as server, connect(server.base_url) as client:
        check_provider(client, server.base_url, ALL, "gpt-6-luna")
    return server


def test_everything_that_a_plan_needs_is_tried_with_requests_that_cannot_be_answered() -> None:
    server = check_all()
    assert server.counts == {
        "GET /v1/models": 1,
        "GET /v1/batches": 1,
        "POST /v1/images/generations": 1,
        "POST /v1/files": 1,
        "DELETE /v1/files/file-1": 1,
        "POST /v1/batches": 1,
    }
    assert [asked.body for asked in server.asked if asked.path == "/v1/images/generations"] == [b"{}"]
    [batch] = [
        json.loads(asked.body) for asked in server.asked if (asked.method, asked.path) == ("POST", "/v1/batches")
    ]
    assert batch["input_file_id"] == "file-pressrun-probe"


def test_without_a_list_of_models_chat_is_tried_too() -> None:
    server = check_all(GET_models=NOT_FOUND)
    assert [asked.body for asked in server.asked if asked.path == "/v1/chat/completions"] == [b"{}"]


def test_what_was_tried_is_not_tried_again_in_the_same_process() -> None:
    with serving(answering()) as server:
        for _ in range(2):
            with connect(server.base_url) as client:
                check_provider(client, server.base_url, ALL)
    assert (server.counts["POST /v1/images/generations"], server.counts["GET /v1/batches"]) == (1, 2)


def test_our_own_simulator_is_trusted_and_one_behind_a_proxy_is_not(base_url: str) -> None:
    def forward(asked: Asked) -> Reply:
        headers = {"Authorization": "Bearer sk-test"}
        return (
            Reply(get(f"{base_url}{asked.path.removeprefix('/v1')}", headers=headers).json())
            if asked.method == "GET"
            else NOT_FOUND
        )

    stats = f"{base_url.removesuffix('/v1')}/simulator/stats"
    before = get(stats).json()
    with connect(base_url) as client:
        assert list_models(client, base_url).trusted
        check_provider(client, base_url, ALL)
    with serving(forward) as proxy, connect(proxy.base_url) as client:
        assert not list_models(client, proxy.base_url).trusted
        with pytest.raises(ProviderUnfit, match="has no /v1/images/generations"):
            check_provider(client, proxy.base_url, [Need.IMAGES])
    posts = {name: count for name, count in get(stats).json().items() if name.startswith("POST")}
    assert posts.items() <= before.items()


@pytest.mark.parametrize(
    ("service", "reply", "said"),
    [
        ("POST_images", NOT_FOUND, r'has no /v1/images/generations.*It says: "Not found"'),
        ("POST_images", Reply({}, 405), "has no /v1/images/generations"),
        ("POST_images", Reply({}, 501), "has no /v1/images/generations"),
        ("POST_images", Reply({"error": "Unexpected endpoint or method."}), "has no /v1/images/generations"),
        (
            "POST_images",
            Reply({"error": {"message": "Missing scopes"}}, 403),
            r"refused the key \(HTTP 403: Missing scopes",
        ),
        ("POST_files", NOT_FOUND, "does not take files for batches.*--prefer speed"),
        ("POST_files", Reply({"error": {"message": "purpose batch?"}}, 400), 'files for batches.*"purpose batch'),
        ("POST_files", Reply({}, 401), r"refused the key \(HTTP 401\)"),
        (
            "GET_batches",
            Reply({"message": "No connected db."}, 400),
            r"refused.*/batches \(HTTP 400: No connected db\)",
        ),
        (
            "GET_models",
            Reply({"error": {"message": "No connected db."}}, 400),
            r"\(HTTP 400: No connected db\).*OPENAI_API_KEY",
        ),
    ],
)
def test_a_conclusive_answer_refuses_in_the_providers_own_words(service: str, reply: Reply, said: str) -> None:
    with pytest.raises(ProviderUnfit, match=said) as unfit:
        check_all(**{service: reply})
    assert "Nothing was spent" in str(unfit.value)


@pytest.mark.parametrize("service", ["POST_images", "POST_chat", "POST_files", "POST_batches"])
@pytest.mark.parametrize(
    "reply",
    [None, Reply({}, 429), Reply({}, 500), Reply({}, 503), Reply({"choices": []}), Reply(b"<html>", 200, "text/html")],
)
def test_an_answer_that_says_nothing_refuses_nobody(service: str, reply: Reply | None) -> None:
    check_all(**{service: reply})


def test_a_404_about_the_model_is_not_about_the_endpoint() -> None:
    check_all(POST_chat=Reply({"error": {"message": "The model `` does not exist", "code": "model_not_found"}}, 404))


def test_a_server_without_a_list_of_files_will_do() -> None:
    check_all(GET_files=Reply({}, 405))


def test_images_by_batch_are_refused_with_the_policy_that_helps() -> None:
    def answer(asked: Asked) -> Reply | None:
        if (asked.method, asked.path) != ("POST", "/v1/batches"):
            return answering()(asked)
        is_image = b"images" in asked.body
        return Reply({"error": {"message": "Unsupported endpoint" if is_image else "No such file"}}, 400)

    with serving(answer) as server, connect(server.base_url) as client:
        with pytest.raises(ProviderUnfit, match=r"does not take images by batch.*images: never_batch"):
            check_provider(client, server.base_url, ALL)
        check_provider(client, server.base_url, [Need.BATCHES, Need.UPLOADS])


def test_a_refusal_of_every_batch_without_a_file_is_not_about_images() -> None:
    check_all(POST_batches=Reply({"error": {"message": "endpoint or input_file_id is wrong"}}, 400))


def test_an_address_that_has_neither_models_nor_chat_is_a_wrong_one() -> None:
    with pytest.raises(ProviderUnfit, match=r"neither /models nor /chat/completions.*normally ends in /v1"):
        check_all(GET_models=NOT_FOUND, POST_chat=NOT_FOUND)


@pytest.mark.parametrize("path", ["", "/v1/chat/completions"])
def test_of_a_wrong_address_only_that_is_said(base_url: str, path: str) -> None:
    address = base_url.removesuffix("/v1") + path
    with connect(address) as client, pytest.raises(ProviderUnfit, match="is not an OpenAI-compatible API") as unfit:
        check_provider(client, address, ALL, "gpt-6-luna")
    assert len(str(unfit.value).splitlines()) == 1
    assert "--prefer" not in str(unfit.value)


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ProviderUnfit) as unfit:
        check_all(POST_images=NOT_FOUND, POST_files=NOT_FOUND)
    assert len(str(unfit.value).splitlines()) == 2


def test_a_list_of_models_without_an_envelope_is_read() -> None:
    provider, _ = check(Reply([{"id": "gpt-5", "shutdown_date": "2026-12-11"}]))
    assert provider.shutdowns == {"gpt-5": date(2026, 12, 11)}


def test_a_provider_on_this_machine_is_asked_without_a_proxy(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with connect(base_url) as client:
        assert list_models(client, base_url).simulated


def test_a_refused_key_at_an_unusual_address_may_be_the_address() -> None:
    with serving(lambda _asked: Reply({"exception_message": "Unauthorized"}, 401)) as server:
        address = server.base_url.replace("/v1", "/api")
        with connect(address) as client, pytest.raises(ProviderUnfit, match="OPENAI_BASE_URL, which normally ends in"):
            check_provider(client, address, [])
