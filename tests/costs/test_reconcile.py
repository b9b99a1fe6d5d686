"""The ledger beside OpenAI's exports."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from pressrun.calls import Route, Usage
from pressrun.costs.ledger import CallStatus, LedgerRow
from pressrun.costs.reconcile import SIMULATED, Outcome, Reconciliation, reconcile
from pressrun.costs.usage_export import Key, read_export

from .books import a_row
from .exports import COSTS_HEAD, DAY, HEAD, billed, empty, export, times, used

OPENAI = "https://api.openai.com/v1"


def paid(day: int, **changes: object) -> LedgerRow:
    return a_row(**{"provider": OPENAI, "answered_at": DAY.replace(day=day, hour=12), **changes})


def compared(text: str, *rows: LedgerRow) -> Reconciliation:
    return reconcile(read_export(text, "export.csv"), rows, provider=OPENAI)


def outcomes(result: Reconciliation) -> list[Outcome]:
    return [line.outcome for line in result.days]


def test_calls_that_both_sides_counted_match_whatever_snapshot_served_them():
    result = compared(export(empty(19), used(20), empty(21)), paid(20), paid(20))
    (line,) = result.days
    assert line.key == Key(date(2026, 11, 20), "gpt-6-luna", True)
    assert line.ledger == line.export == {"requests": 2, "input": 4000, "cached": 2000, "output": 4000}
    assert result.agrees
    assert result.total.off == {"requests": 0, "input": 0, "cached": 0, "output": 0}


def test_lines_of_several_keys_or_minutes_of_one_day_are_added_up():
    minute = used(20).replace(times(20), "1795132800,1795132860,2026-11-20T00:00:00,2026-11-20T00:01:00")
    assert compared(export(minute, minute, used(20)), *[paid(20)] * 6).agrees


def test_batch_and_real_time_are_not_taken_for_each_other():
    result = compared(export(used(20), used(20, batch="False")), paid(20), paid(20), paid(20, route=Route.BATCH))
    assert outcomes(result) == [Outcome.ONLY_EXPORT, Outcome.DIFFERENT]
    assert result.days[1].off == {"requests": 1, "input": 2000, "cached": 1000, "output": 2000}


def test_what_one_side_alone_has_is_unmatched():
    result = compared(export(used(20)), paid(20, model="gpt-6-sol"))
    assert {line.key.model: line.outcome for line in result.days} == {
        "gpt-6-luna": Outcome.ONLY_EXPORT,
        "gpt-6-sol": Outcome.ONLY_LEDGER,
    }
    assert not result.agrees


def test_a_batch_that_was_collected_on_the_next_day_evens_out_over_the_period():
    result = compared(export(used(20), empty(21)), paid(21), paid(21))
    assert outcomes(result) == [Outcome.ONLY_EXPORT, Outcome.ONLY_LEDGER]
    assert [result.evens_out(line) for line in result.days] == [True, True]
    assert result.agrees


def test_a_day_that_is_off_for_good_does_not_even_out():
    result = compared(export(used(20), used(21)), paid(21), paid(21))
    assert [(line.outcome, result.evens_out(line)) for line in result.days] == [
        (Outcome.ONLY_EXPORT, False),
        (Outcome.MATCHED, False),
    ]


def test_the_export_s_own_buckets_say_which_payments_are_looked_at():
    rows = [paid(18), paid(19), paid(20), paid(21), paid(22)]
    result = compared(export(empty(19), empty(20), empty(21)), *rows)
    assert [line.key.day.day for line in result.days if line.key.day] == [19, 20, 21]


def test_simulated_failed_and_foreign_calls_are_left_out_and_the_billable_ones_of_these_are_told():
    failed = paid(20, status=CallStatus.FAILED, usage=Usage(), cost_usd=Decimal(0))
    rows = [paid(20), paid(20), failed, paid(20, simulated=True), paid(20, provider="http://localhost:11434/v1")]
    result = compared(export(used(20)), *rows)
    assert result.agrees
    assert result.left_out == {SIMULATED: 1, "http://localhost:11434/v1": 1}


def test_a_reply_that_could_not_be_used_was_billed_and_counts():
    assert compared(export(used(20)), paid(20), paid(20, status=CallStatus.INVALID)).agrees


def test_without_a_column_for_batches_both_routes_are_compared_together():
    head, line = (text.split(",") for text in (HEAD, used(20)))
    place = head.index("batch")
    del head[place], line[place]
    result = compared(export(",".join(line), head=",".join(head)), paid(20), paid(20, route=Route.REALTIME))
    assert [line.key for line in result.days] == [Key(date(2026, 11, 20), "gpt-6-luna", None)]
    assert result.agrees


def test_where_one_line_names_no_model_no_line_is_compared_by_model():
    text = export(used(20, model=""), used(20, model="gpt-6-sol"))
    assert compared(text, *[paid(20)] * 3, paid(20, model="gpt-6-sol")).agrees


def test_a_measure_that_the_export_lacks_is_not_compared():
    text = export(
        "1795132800,gpt-6-luna,2,4000,4000", head="start_time,model,num_model_requests,input_tokens,output_tokens"
    )
    assert compared(text, paid(20), paid(20)).total.ledger.keys() == {"requests", "input", "output"}


def test_other_names_a_spreadsheet_s_semicolons_and_a_byte_order_mark_are_understood():
    text = "\ufeffDate;Model;Num Requests;Prompt Tokens;Completion-Tokens\r\n2026-11-20;gpt-6-luna;2;4000;4000\r\n"
    assert compared(text, paid(20), paid(20)).agrees


def test_costs_are_compared_by_line_item_with_model_and_route_read_from_it():
    text = export(
        billed(19, "", currency=""),
        billed(20, "0.00005500000000000000000000", "batch api | gpt-6-luna-2026-09-01, input"),
        billed(20, "0.0005", "batch api | gpt-6-luna-2026-09-01, output"),
        billed(20, "0.25", "batch api | gpt-image-2.5-flare image, output"),
        billed(20, "0.00", "batch api | gpt-image-2.5-flare text, cached input"),
        billed(20, "0.00111", "gpt-6-luna, output"),
        head=COSTS_HEAD,
    )
    image = paid(20, model="gpt-image-2.5-flare", cost_usd=Decimal("0.25"))
    result = compared(text, paid(20), image, paid(20, route=Route.REALTIME, cost_usd=Decimal("0.00111")))
    assert [line.key[1:] for line in result.days] == [
        ("gpt-6-luna", False),
        ("gpt-6-luna", True),
        ("gpt-image-2.5-flare", True),
    ]
    assert result.agrees
    assert result.total.export == {"usd": Decimal("0.251665")}


def test_costs_without_line_items_are_compared_by_the_day():
    result = compared(export(billed(20, "0.00111"), head=COSTS_HEAD), paid(20), paid(20))
    assert [line.key for line in result.days] == [Key(date(2026, 11, 20))]
    assert result.agrees


def test_what_other_services_of_the_provider_cost_is_not_taken_for_a_call_of_ours():
    result = compared(
        export(billed(20, "1", "evals | gpt-6-luna, input"), billed(20, "2", "web search"), head=COSTS_HEAD)
    )
    assert [line.key.model for line in result.days] == ["evals | gpt-6-luna", "web search"]
    assert outcomes(result) == [Outcome.ONLY_EXPORT] * 2


def test_an_amount_that_is_off_by_what_a_float_loses_matches_and_one_token_does_not():
    near = compared(export(billed(20, "0.55500000000000005", "batch api | gpt-6-luna, input"), head=COSTS_HEAD))
    line = near.days[0]
    text = export(billed(20, "0.00055499999999999994", "batch api | gpt-6-luna, input"), head=COSTS_HEAD)
    assert line.outcome is Outcome.ONLY_EXPORT
    assert compared(text, paid(20)).agrees
    assert not compared(text, paid(20, cost_usd=Decimal("0.00055500500"))).agrees


def test_free_usage_is_nothing_on_either_side():
    assert outcomes(compared(export(billed(20, "0.0", "gpt-6-luna, input"), head=COSTS_HEAD))) == []


a_use = st.tuples(
    st.integers(1, 28),
    st.sampled_from(["gpt-6-luna", "gpt-6-sol", "gpt-image-2.5-flare"]),
    st.sampled_from(Route),
    st.builds(Usage, input=st.integers(0, 10**6), cached=st.integers(0, 10**6), output=st.integers(0, 10**6)),
    st.decimals(0, 1000, places=12),
)


@settings(max_examples=40)
@given(st.lists(a_use, max_size=12))
def test_a_ledger_agrees_with_its_own_export_and_every_total_equals_the_rows(uses):
    rows = [paid(day, model=model, route=route, usage=usage, cost_usd=cost) for day, model, route, usage, cost in uses]
    usage_lines = [
        used(day, model, requests=1, batch=route is Route.BATCH, input=use.input, output=use.output, cached=use.cached)
        for day, model, route, use, _ in uses
    ]
    cost_lines = [
        billed(day, f"{cost:f}", f"{'batch api | ' if route is Route.BATCH else ''}{model}, input")
        for day, model, route, _, cost in uses
    ]
    by_use = compared(export(empty(1), *usage_lines, empty(28)), *rows)
    by_cost = compared(
        export(billed(1, "", currency=""), *cost_lines, billed(28, "", currency=""), head=COSTS_HEAD), *rows
    )
    assert by_use.agrees and by_cost.agrees
    assert set(outcomes(by_use)) | set(outcomes(by_cost)) <= {Outcome.MATCHED}
    for name in ("input", "cached", "output"):
        assert by_use.total.ledger.get(name, 0) == sum(getattr(row.usage, name) for row in rows)
        assert sum(line.ledger.get(name, Decimal(0)) for line in by_use.days) == by_use.total.ledger.get(name, 0)
    assert by_cost.total.ledger.get("usd", 0) == sum(row.cost_usd for row in rows)
    assert sum(line.ledger["usd"] for line in by_cost.period) == sum(row.cost_usd for row in rows)
