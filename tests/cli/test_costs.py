"""`pressrun costs` and `pressrun reconcile` as a person gives them."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pressrun.calls import Route
from pressrun.cli import correct, costs
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.errors import Refused
from tests.costs.books import a_row
from tests.costs.test_reconcile import COSTS_HEAD, billed, empty, export, paid, used

NOVEMBER = ("costs", "--since", "2026-11-01", "--until", "2026-11-30")

app = typer.Typer()
app.command()(costs.costs)
app.command()(costs.reconcile)
app.command()(correct.correct)

Enter = Callable[..., LedgerFile]


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes the ledger of an installation in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSRUN_STATE_DIR", str(tmp_path / "state"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def entered(*rows: LedgerRow) -> LedgerFile:
        ledger = LedgerFile(tmp_path / "state" / "ledger.sqlite")
        ledger.enter(
            [row.model_copy(update={"entry_id": f"{place:032d}"}) for place, row in enumerate(rows)], budget="b"
        )
        return ledger

    return entered


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    ended = run(*arguments)
    assert isinstance(ended.exception, Refused)
    return str(ended.exception)


def reconciled(text: str) -> Result:
    file = Path("export.csv")
    file.write_text(text)
    return run("reconcile", file)


def test_a_call_is_corrected_by_a_further_entry(enter):
    ledger = enter(paid(2, call_id="a-1", usage_known=False, cost_usd=Decimal(5)), paid(3, call_id="a-2"))
    ended = run("correct", "a-1", "--input", 100, "--output", 200, "--reason", "invoice 7")
    assert ended.exit_code == 0, ended.output
    assert "a-1: $5.00 became $0.00" in ended.output
    [row] = ledger.find("a-1")
    assert (row.usage.input, row.usage.output, row.correction) == (100, 200, "invoice 7")
    assert "without usable token counts" not in run(*NOVEMBER).output


def test_a_correction_says_where_its_figures_are_from(enter):
    enter(paid(2, call_id="a-1"))
    ended = run("correct", "a-1", "--input", 1, "--output", 1, "--reason", " ")
    assert ended.exit_code == 2
    assert "say where the figures are from" in ended.output


def test_a_correction_names_exactly_one_call(enter):
    enter(paid(2, call_id="a-1"), paid(3, call_id="a-1"))
    figures = ("--input", 1, "--output", 1, "--reason", "invoice 7")
    assert "The ledger has no call 'b-1'" in refused("correct", "b-1", *figures)
    assert "2 payments have the name 'a-1'" in refused("correct", "a-1", *figures)


def test_costs_are_told_in_three_numbers_and_by_site_step_route_and_time(enter):
    enter(paid(2), paid(9, site="cafe-yuen"), paid(20, route=Route.REALTIME))
    ended = run(*NOVEMBER)
    assert ended.exit_code == 0
    for said in ("Costs from 2026-11-01 to 2026-11-30 (UTC)", "Spent", "compared with real time", "50.0%"):
        assert said in ended.output
    for said in ("By site", "cafe-yuen", "By step", "articles", "By model and route", "gpt-6-luna, batch", "By week"):
        assert said in ended.output
    assert "3 calls in total." in ended.output


def test_the_last_day_is_included_and_the_day_after_is_not(enter):
    enter(paid(9), paid(10), paid(11))
    assert json.loads(run("costs", "--since", "2026-11-10", "--until", "2026-11-10", "--json").stdout)["calls"] == 1


def test_a_duration_counts_back_from_the_end(enter):
    enter(paid(9), paid(10), paid(11))
    data = json.loads(run("costs", "--since", "2d", "--until", "2026-11-10", "--json").stdout)
    assert (data["since"], data["until"]) == ("2026-11-09T00:00:00+00:00", "2026-11-11T00:00:00+00:00")
    assert data["calls"] == 2


def test_without_options_it_is_the_last_thirty_days_until_now(enter):
    now = datetime.now(UTC)
    enter(paid(9, answered_at=now - timedelta(days=29)), paid(9, answered_at=now - timedelta(days=31)))
    assert json.loads(run("costs", "--json").stdout)["calls"] == 1


def test_simulated_calls_are_in_no_sum_of_real_ones(enter):
    enter(paid(2), paid(3, simulated=True, cost_usd=Decimal(7)), paid(4, simulated=True, cost_usd=Decimal(7)))
    real = run(*NOVEMBER)
    assert (
        "Not included: 2 simulated calls in this period. To show them, run `pressrun costs --simulated`." in real.output
    )
    assert "$7" not in real.output and "$14" not in real.output
    simulated = run(*NOVEMBER, "--simulated")
    assert "SIMULATED: no money was spent." in simulated.output
    assert "$14.00" in simulated.output
    assert "Not included: 1 real call in this period. To show them, run `pressrun costs`." in simulated.output


def test_where_all_is_simulated_this_is_said_and_how_to_see_it(enter):
    enter(paid(3, simulated=True))
    ended = run(*NOVEMBER)
    assert ended.exit_code == 0
    assert "The ledger has no real calls from 2026-11-01 to 2026-11-30 (UTC)." in ended.output
    assert (
        "Not included: 1 simulated call in this period. To show them, run `pressrun costs --simulated`." in ended.output
    )


def test_the_csv_has_the_very_calls_that_were_summed_with_every_digit(enter, tmp_path):
    enter(paid(2, cost_usd=Decimal("0.000000000035")), paid(3), paid(4, simulated=True), paid(4, provider="other"))
    ended = run(*NOVEMBER, "--csv", tmp_path / "calls.csv")
    lines = list(csv.DictReader((tmp_path / "calls.csv").open()))
    assert [line["cost_usd"] for line in lines] == ["0.000000000035", "0.000555", "0.000555"]
    assert f"3 calls written to {tmp_path / 'calls.csv'}." in ended.output


def test_json_is_alone_on_the_output_and_adds_up(enter, tmp_path):
    enter(paid(2), paid(3), paid(4, simulated=True))
    data = json.loads(run(*NOVEMBER, "--json", "--csv", tmp_path / "calls.csv").stdout)
    assert Decimal(data["total"]) == 2 * a_row().cost_usd == sum(Decimal(site["usd"]) for site in data["by_site"])
    assert data["other_calls"] == 1


def test_a_csv_that_cannot_be_written_is_refused(enter, tmp_path):
    enter(paid(2))
    assert "could not be written" in refused(*NOVEMBER, "--csv", tmp_path / "none" / "calls.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "soon"), "a duration, such as 30d"),
        (("--since", "30"), "a duration, such as 30d"),
        (("--until", "12h"), "a date, such as"),
        (("--since", "2026-11-20", "--until", "2026-11-10"), "the period is empty"),
        (("--since", "2026-02-30"), "a date, such as"),
        (("--until", "9999-12-31"), "out of range"),
        (("--until", "0001-01-02"), "out of range"),
    ],
)
def test_a_time_that_makes_no_sense_is_a_message_and_exit_code_2(enter, options, said):
    ended = run("costs", *options)
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.replace("│", " ").split())


@pytest.mark.parametrize("command", [("costs",), ("reconcile", "export.csv")])
def test_where_there_is_no_ledger_none_is_made(enter, tmp_path, command):
    (tmp_path / "export.csv").write_text(export(used(20)))
    assert "There is no ledger" in refused(*command)
    assert not (tmp_path / "state").exists()


def test_a_ledger_that_is_no_database_is_refused(enter, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.sqlite").write_text("not a database at all, but long enough to be looked at")
    assert "cannot be used as a ledger" in refused("costs")


def test_both_sides_agree(enter):
    enter(paid(20), paid(20), paid(20, simulated=True), paid(20, provider="http://localhost:1/v1"))
    ended = reconciled(export(empty(19), used(20)))
    assert ended.exit_code == 0
    assert (
        "The ledger and the export match over the whole period, 2026-11-19 to 2026-11-20 (UTC): 2 calls, 4,000 "
        "input tokens, 2,000 cached tokens, 4,000 output tokens.\n"
    ) in ended.output
    assert "Not compared: 1 call (simulated)." in ended.output
    assert "Not compared: 1 call (sent to http://localhost:1/v1; OPENAI_BASE_URL is https://api.openai.com/v1)." in (
        ended.output
    )


def test_a_batch_that_was_collected_a_day_later_is_told_as_such(enter):
    enter(paid(21), paid(21))
    ended = reconciled(export(used(20), empty(21)))
    assert ended.exit_code == 0
    assert "unmatched, evens out" in ended.output
    assert "2 lines of single days differ and even out, because the provider counts a batch on the day" in ended.output


def test_a_difference_is_shown_by_amount_and_ends_with_code_1(enter):
    enter(paid(20), paid(20), paid(20), paid(20, model="gpt-6-sol"))
    ended = reconciled(export(used(20), used(20, model="gpt-4o-mini-2024-07-18", batch="False")))
    assert ended.exit_code == 1
    assert "do not match" in ended.output
    assert "1 different, 1 only in the ledger, 1 only in the export" in ended.output
    shown = [line.split() for line in ended.output.splitlines()]
    assert ["diff", "+1", "+2,000", "+1,000", "+2,000"] in shown
    assert "Only in the export: calls from another program" in ended.output
    assert "Only in the ledger: the export is from another project" in ended.output


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (3, "in total, the ledger has 1 call, 2,000 input tokens, 1,000 cached tokens, 2,000 output tokens more"),
        (1, "in total, the ledger has 1 call, 2,000 input tokens, 1,000 cached tokens, 2,000 output tokens less"),
    ],
)
def test_the_verdict_says_by_how_much_and_to_which_side(enter, rows, said):
    enter(*[paid(20)] * rows)
    assert f"{said} than the export." in reconciled(export(used(20))).output


def test_costs_that_agree_by_the_day_are_shown_as_money(enter):
    enter(paid(20), paid(20))
    ended = reconciled(export(billed(20, "0.00111"), head=COSTS_HEAD))
    assert ended.exit_code == 0
    assert "$0.00111" in ended.output
    assert "not grouped by line item" in ended.output


def test_costs_that_differ_come_with_what_only_the_provider_knows(enter):
    enter(paid(20))
    ended = reconciled(export(billed(20, "0.5", "batch api | gpt-6-luna, output"), head=COSTS_HEAD))
    assert ended.exit_code == 1
    assert "Free allowances" in ended.output
    assert "-$0.499" in ended.output


def test_a_period_in_which_neither_side_has_anything_agrees(enter):
    enter(paid(2))
    ended = reconciled(export(empty(19), empty(20)))
    assert ended.exit_code == 0
    assert "neither has any figures" in ended.output


def test_a_provider_of_one_s_own_is_the_one_that_is_compared(enter, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/v1/")
    enter(*[paid(20, provider="https://gateway.example/v1")] * 2)
    assert reconciled(export(used(20))).exit_code == 0


def test_a_faulty_file_is_refused_with_all_its_faults(enter):
    enter(paid(20))
    Path("export.csv").write_text(export(used(20, requests="two"), used(21, input="-1")))
    said = refused("reconcile", "export.csv")
    assert "line 2" in said and "line 3" in said


def test_a_file_that_is_not_there_or_no_text_is_refused(enter, tmp_path):
    enter(paid(20))
    assert "No such file" in refused("reconcile", "none.csv")
    assert "Is a directory" in refused("reconcile", tmp_path)
    Path("book.xlsx").write_bytes(b"PK\x03\x04\xff\xfe\x80")
    assert "Export it as CSV" in refused("reconcile", "book.xlsx")


def test_text_of_the_file_reaches_the_terminal_without_what_it_would_obey(enter):
    enter(paid(20))
    ended = reconciled(export(used(20, model="\x1b[31m[bold]gpt")))
    assert "\x1b" not in ended.output
    assert "[bold]gpt" in ended.output
