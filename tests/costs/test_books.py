from decimal import Decimal
from types import SimpleNamespace

import pytest

from pressrun.calls import Endpoint, StepName
from pressrun.costs.books import LOOK_AGAIN, Books
from pressrun.costs.ledger import CallEstimate, CallStatus, Origin
from pressrun.costs.ledgerfile import OverCap
from pressrun.costs.most import most_usage
from pressrun.prices import Tier, tariff_of

from .books import a_call, a_reply, an_answer


def some_books(tmp_path, cap: str | None = None, **changes) -> Books:
    origin = Origin(run_id="run-1", provider="p", language="en-GB")
    fields = {"path": tmp_path / "ledger.sqlite", "budget": f"budget of {tmp_path}", "origin": origin}
    return Books(**{**fields, "cap": Decimal(cap) if cap else None, **changes})


def a_capped_call(number: int = 1):
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": f"Write {number}."}]}
    return a_call(item=f"article-{number:02d}", body={**body, "max_completion_tokens": 1000})


def test_the_most_that_a_text_call_uses_is_its_bytes_in_and_its_cap_out():
    usage = most_usage(a_capped_call())
    assert usage.input > 100
    assert usage.output == 1000


def test_a_call_without_a_cap_of_its_own_may_use_all_that_a_model_writes():
    assert most_usage(a_call()).output == 128_000


def test_the_most_that_an_image_uses_is_a_tenth_more_than_what_its_size_has_always_used():
    body = {"model": "gpt-image-2.5-flare", "prompt": "A loaf.", "size": "1536x1024", "quality": "medium"}
    usage = most_usage(a_call(step=StepName.IMAGES, endpoint=Endpoint.IMAGES, body=body))
    assert usage.output == usage.output_image == 1742


def test_an_answer_is_entered_once_and_seen_as_paid(tmp_path):
    books = some_books(tmp_path)
    call = a_capped_call()
    rows = [books.enter(call, an_answer(call, batch_id="b1"), CallEstimate()) for _ in range(2)]
    assert rows[0].cost_usd == books.file.committed(books.budget)
    assert books.answered([call]) == {call.id: "b1"}


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 2**63}])
def test_an_unknown_usage_counts_at_the_most_it_can_be_and_says_so(tmp_path, usage):
    books = some_books(tmp_path)
    call = a_capped_call()
    row = books.enter(call, an_answer(call, body=a_reply(usage=usage)), CallEstimate())
    assert not row.usage_known
    assert row.cost_usd == books.most_usd(call, Tier.STANDARD) == books.file.committed(books.budget)


def test_a_partly_unknown_usage_costs_no_less_than_what_was_said(tmp_path):
    books = some_books(tmp_path)
    call = a_capped_call()
    usage = {"prompt_tokens": 10, "completion_tokens": 5000.5}
    row = books.enter(call, an_answer(call, body=a_reply(usage=usage)), CallEstimate())
    assert row.usage.output == 5001
    assert row.usage.input == most_usage(call).input


def test_a_call_is_committed_to_at_the_most_it_can_cost_until_it_is_settled(tmp_path):
    books = some_books(tmp_path, cap="1")
    call = a_capped_call()
    name = books.commit(call, Tier.STANDARD)
    assert books.file.committed(books.budget) == books.most_usd(call, Tier.STANDARD) > Decimal("0.0005")
    books.settle(name)
    assert books.file.committed(books.budget) == 0


def test_a_call_that_might_break_the_cap_waits_for_those_under_way_which_may_be_cheaper(tmp_path, monkeypatch):
    books = some_books(tmp_path, cap="0.0006")
    first, second = a_capped_call(1), a_capped_call(2)
    name = books.commit(first, Tier.STANDARD)
    pauses = []

    def settle_meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            books.settle(name)

    monkeypatch.setattr("pressrun.costs.books.time", SimpleNamespace(sleep=settle_meanwhile))
    books.settle(books.commit(second, Tier.STANDARD))
    assert pauses == [LOOK_AGAIN] * 3


def test_with_nothing_under_way_it_is_over_the_cap_at_once(tmp_path):
    books = some_books(tmp_path, cap="0.0001")
    with pytest.raises(OverCap):
        books.commit(a_capped_call(), Tier.STANDARD)


def test_a_call_whose_answer_was_lost_is_not_waited_for_and_stays_committed_to(tmp_path):
    books = some_books(tmp_path, cap="0.0006")
    books.lose(books.commit(a_capped_call(1), Tier.STANDARD))
    with pytest.raises(OverCap):
        books.commit(a_capped_call(2), Tier.STANDARD)


def test_failures_of_earlier_runs_are_not_told_again(tmp_path):
    books = some_books(tmp_path)
    call = a_capped_call()
    books.enter(call, an_answer(call, error="no", code="500"), CallEstimate())
    assert [row.status for row in books.rows([call.id])] == [CallStatus.FAILED]
    later = books.model_copy(update={"origin": Origin(run_id="run-2", provider="p")})
    assert later.rows([call.id]) == []


def test_the_rows_of_a_run_show_who_paid(tmp_path):
    books = some_books(tmp_path)
    call = a_capped_call()
    books.enter(call, an_answer(call, body=a_reply(), run_id="run-0"), CallEstimate())
    assert [row.reused for row in books.rows([call.id])] == [True]
    assert books.rows(["another"]) == []


def test_a_region_of_openai_is_committed_to_at_its_own_price(tmp_path):
    call = a_capped_call()
    plain, regional = some_books(tmp_path), some_books(tmp_path, tariff=tariff_of("https://jp.api.openai.com/v1"))
    for tier in (Tier.STANDARD, Tier.BATCH):
        assert regional.most_usd(call, tier) == plain.most_usd(call, tier) * 11 / 10
