import base64
import csv
import io
import json
import re
from decimal import Decimal
from xml.etree import ElementTree

from hypothesis import given, settings
from markdown_it import MarkdownIt

from pressrun.calls import Route, StepName, Usage
from pressrun.costs import CallStatus, cost_report, forecast_costs, to_csv, to_json, to_markdown, to_table
from pressrun.prices import Tier

from .books import NOW, a_forecast_line, a_row, rows

IMAGE = a_row(
    call_id="harbour-bakery-images-image-01-00000000",
    step=StepName.IMAGES,
    item="image-01",
    model="gpt-image-2.5-flare",
    usage=Usage(input=100, output=1056, output_image=1056),
    cost_usd=Decimal("0.01609"),
    realtime_usd=Decimal("0.03218"),
)


def markdown(*rows, forecast=None, simulated=False, title="Cost of Harbour Bakery"):
    return to_markdown(cost_report(rows, forecast), simulated=simulated, title=title)


def html(text):
    return MarkdownIt("commonmark").enable("table").render(text)


def test_the_report_leads_with_what_was_spent_what_was_saved_and_against_what():
    text = markdown(a_row(), IMAGE)
    head = text.split("![")[0]
    assert "| **$0.0166** | **$0.0166** (50.0%) | $0.0333 |" in head
    assert "Saved, against asking the same in real time" in head


def test_a_simulated_report_says_at_once_that_no_money_was_spent():
    assert "**SIMULATED: no money was spent.**" in markdown(a_row(), simulated=True).splitlines()[2]
    assert "SIMULATED" not in markdown(a_row())


def test_each_step_has_a_line_and_the_total_is_the_last():
    text = markdown(a_row(), IMAGE)
    assert "| articles | batch | 1 | 2,000 | 1,000 | 2,000 | $0.000555 | $0.00111 | $0.000555 | 50.0% |" in text
    assert "| Total |  | 2 | 2,100 | 1,000 | 3,056 | $0.0166 | $0.0333 | $0.0166 | 50.0% |" in text


def test_what_was_reused_is_told_apart_from_what_this_run_paid():
    text = markdown(a_row(), a_row(reused=True, run_id="run-0", cost_usd=Decimal("0.25")))
    assert "This run paid $0.000555. $0.25 (1 call) was paid by earlier runs" in text
    assert "earlier runs" not in markdown(a_row())


def test_the_forecast_stands_beside_the_actual():
    text = markdown(a_row(cost_usd=Decimal("0.0045")), forecast=forecast_costs([a_forecast_line()], NOW))
    assert "| articles | $0.0036 | $0.0045 | +$0.0009 | +25.0% |" in text
    assert "| **Total** | $0.0036 | $0.0045 | +$0.0009 | +25.0% |" in text
    assert "Forecast" not in markdown(a_row())


def test_failed_and_invalid_calls_are_mentioned_with_what_they_cost():
    failed = a_row(status=CallStatus.FAILED, usage=Usage(), cost_usd=Decimal(0), realtime_usd=Decimal(0))
    text = markdown(a_row(), failed, a_row(status=CallStatus.INVALID))
    assert "1 call came back unfit to use and had to be paid for: $0.000555." in text
    assert "1 call failed; the provider does not bill these." in text


def test_a_year_names_its_number_of_sites_and_its_saving():
    text = to_markdown(cost_report([IMAGE], sites_per_year=1200), simulated=False, title="t")
    assert "1,200 sites like this one come to **$19.31**; in real time, to $38.62. Saved: $19.31." in text


def test_the_prices_source_is_named():
    assert "- Prices: genai-prices 0.2.3." in markdown(a_row())


def test_the_report_is_well_formed_markdown_with_its_tables():
    page = html(markdown(a_row(), IMAGE, forecast=forecast_costs([a_forecast_line()], NOW)))
    assert page.count("<table>") == 3
    assert page.count("<h2>") == 4
    assert "<td>Total</td>" in page


def test_the_chart_is_a_well_formed_svg_picture_with_the_figures_in_it():
    [data] = re.findall(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([^)]+)\)", markdown(a_row(), IMAGE))
    picture = ElementTree.fromstring(base64.b64decode(data))
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"articles", "images", "$0.000555", "$0.00111", "$0.0161", "$0.0322"} <= set(texts)


def test_the_smallest_bar_is_still_seen_beside_the_largest():
    [data] = re.findall(r"base64,([^)]+)\)", markdown(a_row(cost_usd=Decimal("0.000001")), IMAGE))
    bars = re.findall(r'x="110" y="\d+" width="(\d+)" height="13"', base64.b64decode(data).decode())
    assert len(bars) == 4
    assert min(map(int, bars)) >= 1


def test_a_title_in_any_language_means_nothing_but_itself():
    page = html(markdown(a_row(), title="碼頭麵包店 <script>alert(1)</script> | *A* [x](y)\n# B"))
    assert "碼頭麵包店 &lt;script&gt;alert(1)&lt;/script&gt; | *A* [x](y) # B</h1>" in page
    assert "<script>" not in page


def test_a_report_of_nothing_still_reads():
    page = html(markdown())
    assert "$0.00" in page
    assert "<img" not in page


@settings(max_examples=30)
@given(rows)
def test_the_table_is_plain_json_and_ends_in_the_total(rows):
    table = json.loads(json.dumps(to_table(cost_report(rows))))
    assert table[-1]["step"] == "Total"
    assert table[-1]["calls"] == sum(row["calls"] for row in table[:-1]) == len(rows)


@settings(max_examples=30)
@given(rows)
def test_the_csv_has_one_line_a_call_whose_decimals_sum_to_the_total(rows):
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(lines) == len(rows)
    assert sum(Decimal(line["cost_usd"]) for line in lines) == cost_report(rows).total
    assert not any("E" in line["cost_usd"] for line in lines)
    assert [int(line["tokens_input"]) for line in lines] == [row.usage.input for row in rows]


def test_the_csv_names_things_as_the_ledger_does():
    line = next(csv.DictReader(io.StringIO(to_csv([a_row(tier=Tier.FLEX, route=Route.REALTIME)]))))
    assert line["tier"] == "flex"
    assert line["route"] == "realtime"
    assert line["answered_at"] == "2026-11-23T12:00:00+00:00"
    assert line["cost_usd"] == "0.000555"


@settings(max_examples=30)
@given(rows)
def test_the_json_has_every_digit_of_every_figure(rows):
    report = cost_report(rows, forecast_costs([a_forecast_line()], NOW))
    data = json.loads(to_json(report, rows))
    assert Decimal(data["total"]) == report.total
    assert sum(Decimal(step["usd"]) for step in data["by_step"].values()) == report.total
    assert sum(Decimal(call["cost_usd"]) for call in data["calls"]) == report.total
    assert Decimal(data["forecast_by_step"]["articles"]["forecast_usd"]) == Decimal("0.0036")
