"""What is the same for all endpoints: key, headers, errors, models, journal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event, Semaphore
from time import monotonic
from typing import Any

import anyio
import pytest
from openai import AuthenticationError, NotFoundError, OpenAI

from pressrun.simulator import running_simulator
from pressrun.simulator.answers import answer
from pressrun.simulator.app import PAINTERS
from pressrun.simulator.models import available_models, find_model
from tests.patience import HANG, get, post, request
from tests.simulator.driving import TEXT_MODEL, a_chat, a_line, an_image, connect, submit, wait_for


@pytest.mark.parametrize("authorization", [None, "", "sk-test", "Bearer nonsense", "Bearer sk-", "Bearer sk-a b"])
def test_a_request_without_a_proper_key_is_refused(base_url: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = get(f"{base_url}/models", headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"


def test_the_sdk_sees_a_wrong_key_as_such(base_url: str) -> None:
    with pytest.raises(AuthenticationError):
        connect(base_url, api_key="wrong").models.list()


@pytest.mark.parametrize("path", ["/models", "/models/gpt-unknown", "/nowhere"])
def test_every_reply_is_marked_and_has_an_id_of_its_own(base_url: str, path: str) -> None:
    headers = {"Authorization": "Bearer sk-test"}
    replies = [get(f"{base_url}{path}", headers=headers) for _ in range(2)]
    assert [reply.headers["x-pressrun-simulator"] for reply in replies] == ["1", "1"]
    assert len({reply.headers["x-request-id"] for reply in replies}) == 2


def test_the_request_id_reaches_the_sdk(client: OpenAI) -> None:
    assert str(client.models.retrieve(TEXT_MODEL)._request_id).startswith("req_")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/batches", 405)])
def test_a_wrong_url_is_refused_in_the_shape_of_openai(base_url: str, method: str, path: str, status: int) -> None:
    reply = request(method, f"{base_url}{path}", headers={"Authorization": "Bearer sk-test"})
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert f"({method} /v1{path})" in reply.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(base_url: str, content: bytes) -> None:
    headers = {"Authorization": "Bearer sk-test", "Content-Type": "application/json"}
    reply = post(f"{base_url}/chat/completions", content=content, headers=headers)
    assert reply.status_code == 400
    assert "parse" in reply.json()["error"]["message"]


def test_models_say_when_they_end(client: OpenAI) -> None:
    model = client.models.retrieve(TEXT_MODEL)
    assert (model.id, model.owned_by, model.shutdown_date) == (TEXT_MODEL, "pressrun-simulator", None)
    listed = {model.id for model in client.models.list()}
    assert {TEXT_MODEL, "gpt-image-2.5-flare", "gpt-image-2.6-flare"} <= listed
    assert not listed & {"dall-e-3", "gpt-image-1", "gpt-4.1-nano"}


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-1", "gpt-4.1-nano", "gpt-unknown"])
def test_a_retired_or_unknown_model_is_not_found(client: OpenAI, model: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        client.models.retrieve(model)
    assert refusal.value.code == "model_not_found"


def test_every_model_answers_until_the_day_before_it_is_shut_down() -> None:
    assert find_model("gpt-5-mini", date(2026, 12, 10)).wire()["shutdown_date"] == "2026-12-11"
    assert "gpt-5-mini" in {model.id for model in available_models(date(2026, 12, 10))}
    assert "gpt-5-mini" not in {model.id for model in available_models(date(2026, 12, 11))}


def test_the_journal_counts_every_request_and_holds_no_secret(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=0.05) as url:
        client = connect(url, api_key="sk-very-secret")
        client.chat.completions.create(**a_chat(messages=[{"role": "user", "content": "my private words"}]))
        batch = wait_for(client, submit(client, a_line()))
        client.batches.list()
        journal = get(url.replace("/v1", "/simulator/journal"))
        stats = get(url.replace("/v1", "/simulator/stats")).json()
    entries = journal.json()
    first = entries[0]
    assert (first["method"], first["path"], first["status"], first["model"]) == (
        "POST",
        "/v1/chat/completions",
        200,
        TEXT_MODEL,
    )
    assert next(entry for entry in entries if "batch" in entry)["batch"] == batch.id
    assert "secret" not in journal.text and "private" not in journal.text
    polls = stats.pop("GET /v1/batches/{id}")
    assert polls == sum(entry["path"] == f"/v1/batches/{batch.id}" for entry in entries) >= 1
    assert stats == {"POST /v1/chat/completions": 1, "POST /v1/files": 1, "POST /v1/batches": 1, "GET /v1/batches": 1}


def test_refused_requests_are_in_the_journal_too(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as url:
        get(f"{url}/models/{TEXT_MODEL}")
        entries = get(url.replace("/v1", "/simulator/journal")).json()
        stats = get(url.replace("/v1", "/simulator/stats")).json()
    assert [(entry["path"], entry["status"]) for entry in entries] == [(f"/v1/models/{TEXT_MODEL}", 401)]
    assert stats == {"GET /v1/models/{id}": 1}


def test_polls_are_answered_while_pictures_are_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_go_on = Semaphore(0), Event()

    def paint_slowly(*arguments: Any) -> Any:
        begun.release()
        assert may_go_on.wait(HANG)
        return answer(*arguments)

    monkeypatch.setattr("pressrun.simulator.app.answer", paint_slowly)
    with running_simulator(tmp_path) as url, ThreadPoolExecutor(13) as pool:
        client = connect(url)
        pictures = [pool.submit(client.images.generate, **an_image(), user=str(number)) for number in range(13)]
        try:
            assert all(begun.acquire(timeout=HANG) for _ in range(PAINTERS))
            assert client.batches.list(limit=1).data == []
            assert not any(picture.done() for picture in pictures)
        finally:
            may_go_on.set()
        assert all(picture.result().data for picture in pictures)


def test_a_reply_in_real_time_takes_the_time_that_was_asked_for(tmp_path: Path) -> None:
    with running_simulator(tmp_path, realtime_seconds=0.2) as url:
        begun = monotonic()
        connect(url).chat.completions.create(**a_chat())
        assert monotonic() - begun >= 0.2


def test_replies_in_real_time_do_not_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = anyio.sleep

    async def until_all_are_waiting(seconds: float) -> None:
        pauses.append(seconds)
        while len(pauses) < 8:
            await sleep(0.01)

    monkeypatch.setattr("pressrun.simulator.app.anyio.sleep", until_all_are_waiting)
    with running_simulator(tmp_path, realtime_seconds=30) as url, ThreadPoolExecutor(8) as pool:
        client = connect(url)
        list(pool.map(lambda _: client.chat.completions.create(**a_chat()), range(8)))
    assert pauses == [30] * 8


def test_a_port_that_is_taken_is_said_to_be(base_url: str, tmp_path: Path) -> None:
    port = int(base_url.rsplit(":", 1)[1].removesuffix("/v1"))
    with pytest.raises(OSError, match="in use"), running_simulator(tmp_path, port=port):
        pass


def test_a_folder_that_cannot_be_made_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), running_simulator(tmp_path / "file"):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_state_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_text("this is no database, however long one looks at it")
    with pytest.raises(RuntimeError, match="could not start"), running_simulator(tmp_path):
        pass
