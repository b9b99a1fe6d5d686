"""The batch route against the simulator, over real HTTP."""

from pathlib import Path

import pytest
from openai import ConflictError, OpenAI

from pressrun.calls import Answer, Call, Route
from pressrun.errors import BatchRejected
from pressrun.routes.batch import cancel, find_batch, harvest, look
from pressrun.simulator import running_simulator
from tests.calls_builder import a_call
from tests.routes.driving import a_faulty_shard, a_shard, batches_created, connect, submit, until_done, until_ended
from tests.simulator.clock import Clock


def calls(name: str, count: int = 2) -> list[Call]:
    """Calls that no other test makes: tests share a simulator, and equal work is adopted."""
    return [a_call(f"article-{number:02d}", site=name) for number in range(count)]


def a_bad_call(name: str) -> Call:
    """A call that fails as a line, with HTTP 400, while its batch goes on."""
    good = a_call("article-99", site=name)
    return good.model_copy(update={"body": {**good.body, "no_such_parameter": 1}})


def by_item(shard_calls: list[Call], answers: list[Answer]) -> dict[str, Answer]:
    """The answers by item, having seen that there is exactly one for each call, in the order of the calls."""
    assert [answer.call_id for answer in answers] == [call.id for call in shard_calls]
    return {call.item: answer for call, answer in zip(shard_calls, answers, strict=True)}


def test_submitting_creates_one_batch_that_carries_its_key(client: OpenAI, base_url: str) -> None:
    before = batches_created(base_url)
    shard = a_shard(*calls("carries-key"))
    ticket = submit(client, shard, run_id="run-1")
    batch = client.batches.retrieve(ticket.batch_id)
    assert batch.metadata == {
        "pressrun_key": shard.key,
        "pressrun_schema": "1",
        "flow_run_id": "run-1",
        "sites": "carries-key",
    }
    assert (ticket.key, ticket.adopted, ticket.created_at.timestamp()) == (shard.key, False, batch.created_at)
    assert batches_created(base_url) == before + 1


def test_submitting_the_same_work_again_adopts_its_batch(client: OpenAI, base_url: str) -> None:
    work = calls("adopts")
    ticket = submit(client, a_shard(*work), run_id="run-1")
    before = batches_created(base_url)
    again = submit(client, a_shard(*reversed(work)), run_id="run-2")
    assert (again.batch_id, again.adopted, again.created_at) == (ticket.batch_id, True, ticket.created_at)
    assert (ticket.run_id, again.run_id) == ("run-1", "run-1")
    assert batches_created(base_url) == before


def test_a_batch_that_has_ended_is_adopted_too(client: OpenAI) -> None:
    shard = a_shard(*calls("adopts-ended"))
    ticket = submit(client, shard, run_id="run-1")
    assert until_ended(client, ticket).status == "completed"
    assert submit(client, shard, run_id="run-2").batch_id == ticket.batch_id


def test_a_fresh_run_creates_anew_and_then_adopts_its_own(client: OpenAI) -> None:
    shard = a_shard(*calls("fresh"))
    old = submit(client, shard, run_id="run-1")
    new = submit(client, shard, run_id="run-2", fresh=True)
    assert (new.adopted, new.batch_id == old.batch_id) == (False, False)
    again = submit(client, shard, run_id="run-2", fresh=True)
    assert (again.adopted, again.batch_id) == (True, new.batch_id)
    newest = submit(client, shard, run_id="run-3")
    assert (newest.adopted, newest.batch_id) == (True, new.batch_id)


def test_a_batch_that_validation_refused_is_not_adopted(client: OpenAI) -> None:
    call = a_call(site="refused")
    shard = a_faulty_shard(call)
    ticket = submit(client, shard, run_id="run-1")
    assert until_ended(client, ticket).status == "failed"
    assert find_batch(client, shard) is None
    again = submit(client, shard, run_id="run-1")
    assert (again.adopted, again.batch_id == ticket.batch_id) == (False, False)


def test_a_batch_whose_answers_were_deleted_is_not_adopted(client: OpenAI) -> None:
    shard = a_shard(*calls("deleted"))
    ticket = submit(client, shard, run_id="run-1")
    view = until_ended(client, ticket)
    client.files.delete(str(view.output_file_id))
    again = submit(client, shard, run_id="run-2")
    assert (again.adopted, again.batch_id == ticket.batch_id) == (False, False)


def test_a_batch_whose_file_of_errors_was_deleted_is_adopted(client: OpenAI) -> None:
    shard = a_shard(*calls("errors-deleted"), a_bad_call("errors-deleted"))
    ticket = submit(client, shard, run_id="run-1")
    view = until_ended(client, ticket)
    client.files.delete(str(view.error_file_id))
    again = submit(client, shard, run_id="run-2")
    assert (again.adopted, again.batch_id) == (True, ticket.batch_id)


def test_a_refused_file_is_reported_by_line_and_code(client: OpenAI) -> None:
    call = a_call(site="reported")
    shard = a_faulty_shard(call)
    view = until_ended(client, submit(client, shard, run_id="run-1"))
    with pytest.raises(BatchRejected, match=r"line 2: duplicate_custom_id: .* None of it ran or was billed"):
        harvest(client, view, shard, run_id="run-1")


def test_a_batch_that_is_refused_outright_leaves_no_file_behind(client: OpenAI, base_url: str) -> None:
    before = {file.id for file in client.files.list(purpose="batch")}
    with pytest.raises(BatchRejected, match="None of it ran or was billed"):
        submit(client, a_shard(*calls("outright")), run_id="longer than metadata may be" * 20)
    assert {file.id for file in client.files.list(purpose="batch")} == before


def test_good_and_bad_lines_come_back_as_answers_and_errors(client: OpenAI) -> None:
    work = [*calls("mixed"), a_bad_call("mixed")]
    shard = a_shard(*work)
    view = until_ended(client, submit(client, shard, run_id="run-1"))
    assert (view.status, view.completed, view.failed, view.total) == ("completed", 2, 1, 3)
    harvested = harvest(client, view, shard, run_id="run-1")
    answers = by_item(work, harvested.answers)
    assert harvested.account.strays == 0
    for item in ("article-00", "article-01"):
        good = answers[item]
        assert good.body is not None and good.body["object"] == "chat.completion"
        assert good.usage.output > 0
        assert (good.route, good.batch_id, good.run_id) == (Route.BATCH, view.batch_id, "run-1")
    bad = answers["article-99"]
    assert (bad.body, bad.code, bad.retryable) == (None, "unknown_parameter", False)
    assert bad.error is not None and "no_such_parameter" in bad.error


def test_a_batch_in_which_every_line_failed_has_no_output_file_and_is_read_all_the_same(client: OpenAI) -> None:
    work = [a_bad_call("all-bad")]
    shard = a_shard(*work)
    view = until_ended(client, submit(client, shard, run_id="run-1"))
    assert (view.status, view.output_file_id) == ("completed", None)
    assert by_item(work, harvest(client, view, shard, run_id="run-1").answers)["article-99"].code == "unknown_parameter"


def test_cancelling_keeps_what_was_finished_and_leaves_the_rest_to_be_asked_again(tmp_path: Path, clock: Clock) -> None:
    work = calls("cancelled", 8)
    shard = a_shard(*work)
    with running_simulator(tmp_path, batch_seconds=100) as url, connect(url) as client:
        ticket = submit(client, shard, run_id="run-1")
        clock.advance(30)
        until_done(client, ticket, 2)
        cancel(client, ticket.batch_id)
        assert look(client, ticket.batch_id).status == "cancelling"
        clock.advance(10)
        view = until_ended(client, ticket)
        answers = by_item(work, harvest(client, view, shard, run_id="run-1").answers)
    kept = [answer for answer in answers.values() if answer.body]
    rest = [answer for answer in answers.values() if answer.error]
    assert view.status == "cancelled"
    assert (len(kept), len(rest), view.completed) == (2, 6, 2)
    assert all(answer.retryable and answer.code == "batch_cancelled" for answer in rest)


def test_an_expired_batch_keeps_what_was_finished(tmp_path: Path) -> None:
    work = calls("expired", 8)
    shard = a_shard(*work)
    with running_simulator(tmp_path, batch_seconds=0.4, window_seconds=0.2) as url, connect(url) as client:
        view = until_ended(client, submit(client, shard, run_id="run-1"))
        answers = by_item(work, harvest(client, view, shard, run_id="run-1").answers)
    assert view.status == "expired"
    assert sum(answer.body is not None for answer in answers.values()) == view.completed == 4
    rest = [answer for answer in answers.values() if answer.error]
    assert all(answer.retryable and answer.code == "batch_expired" for answer in rest)


def test_cancelling_a_batch_that_has_ended_changes_nothing(client: OpenAI) -> None:
    ticket = submit(client, a_shard(*calls("cancel-late")), run_id="run-1")
    ended = until_ended(client, ticket)
    with pytest.raises(ConflictError):
        client.batches.cancel(ticket.batch_id)
    cancel(client, ticket.batch_id)
    assert look(client, ticket.batch_id) == ended


def test_lines_of_calls_that_were_not_asked_are_counted_as_strays(client: OpenAI) -> None:
    work = calls("strays", 3)
    view = until_ended(client, submit(client, a_shard(*work), run_id="run-1"))
    harvested = harvest(client, view, a_shard(*work[:2]), run_id="run-1")
    assert harvested.account.strays == 1
    assert all(answer.body for answer in by_item(work[:2], harvested.answers).values())


def test_traditional_chinese_goes_there_and_comes_back(client: OpenAI) -> None:
    work = [a_call(prompt="請用繁體中文寫一篇文章。", site="chinese")]
    shard = a_shard(*work)
    ticket = submit(client, shard, run_id="run-1")
    batch = client.batches.retrieve(ticket.batch_id)
    assert "請用繁體中文寫一篇文章。" in client.files.content(batch.input_file_id).content.decode()
    harvested = harvest(client, until_ended(client, ticket), shard, run_id="run-1")
    assert [answer.error for answer in harvested.answers] == [None]


def test_each_answer_is_handed_over_as_it_comes_and_only_what_is_returned_is_held(client: OpenAI) -> None:
    work = calls("kept")
    shard = a_shard(*work)
    view = until_ended(client, submit(client, shard, run_id="run-1"))
    handed: list[str] = []

    def keep(answer: Answer) -> Answer:
        handed.append(answer.call_id)
        return answer.model_copy(update={"body": None, "kept": f"kept {answer.call_id}"})

    harvested = harvest(client, view, shard, run_id="run-1", keep=keep)
    assert sorted(handed) == sorted(call.id for call in work)
    assert [answer.kept for answer in harvested.answers] == [f"kept {call_id}" for call_id in shard.ids]
    assert all(answer.usage.output > 0 for answer in harvested.answers)
