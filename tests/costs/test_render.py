import base64
import csv
import io
import json
import re
from decimal import Decimal
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pressrun.calls import Route, StepName, Usage
from pressrun.costs.export import to_csv, to_json
from pressrun.costs.forecast import Forecast, forecast_costs
from pressrun.costs.ledger import CallEstimate, CallStatus
from pressrun.costs.money import common_places, usd
from pressrun.costs.render import to_markdown, to_table
from pressrun.costs.report import cost_report
from pressrun.costs.variance import CAUSES
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
    assert "| **$0.0166** | **$0.0166** (50.0%) | **$0.0333** |" in head
    assert "Saved, compared with real time" in head


def test_a_simulated_report_says_at_once_that_no_money_was_spent():
    assert "**SIMULATED: no money was spent.**" in markdown(a_row(), simulated=True).splitlines()[2]
    assert "SIMULATED" not in markdown(a_row())


def test_each_step_has_a_line_and_the_total_is_the_last():
    text = markdown(a_row(), IMAGE)
    assert "| articles | batch | 1 | $0.000555 | $0.001110 | $0.000555 | 50.0% |" in text
    assert "| images | batch | 1 | $0.016090 | $0.032180 | $0.016090 | 50.0% |" in text
    assert "| **Total** |  | **2** | **$0.016645** | **$0.033290** | **$0.016645** | **50.0%** |" in text


def test_each_route_and_each_model_has_a_line_and_a_model_its_tokens():
    now = {"tier": Tier.STANDARD, "cost_usd": Decimal("0.2"), "realtime_usd": Decimal("0.2")}
    text = markdown(a_row(cost_usd=Decimal("0.1"), realtime_usd=Decimal("0.2")), a_row(**now, model="gpt-6-sol"))
    assert "| batch | 1 | $0.10 | $0.20 | $0.10 | 50.0% |" in text
    assert "| real time | 1 | $0.20 | $0.20 | $0.00 | 0.0% |" in text
    assert "| gpt-6-sol | 1 | $0.20 | $0.20 | $0.00 | 0.0% |" in text
    assert "| gpt-6-sol | 2,000 | 1,000 | 2,000 |" in text


def test_what_was_reused_is_told_apart_from_what_this_run_paid():
    text = markdown(a_row(), a_row(reused=True, run_id="run-0", cost_usd=Decimal("0.25")))
    assert "This run paid $0.000555. Earlier runs paid $0.25 (1 call);" in text
    assert "earlier runs" not in markdown(a_row())


def test_the_forecast_stands_beside_the_actual():
    text = markdown(a_row(cost_usd=Decimal("0.0045")), forecast=forecast_costs([a_forecast_line()], NOW))
    assert "| articles | $0.0036 | $0.0045 | +$0.0009 | +25.0% |" in text
    assert "| **Total** | **$0.0036** | **$0.0045** | **+$0.0009** | **+25.0%** |" in text
    assert "Forecast" not in markdown(a_row())


def test_the_difference_is_explained_by_the_causes_that_there_are_and_by_a_sentence():
    estimate = CallEstimate(tier=Tier.BATCH, usd=Decimal("0.01"))
    planned = {"estimate": estimate, "cost_usd": Decimal("0.01"), "planned_usd": Decimal("0.01")}
    fallen = {**planned, "cost_usd": Decimal("0.02"), "tier": Tier.STANDARD}
    [line] = forecast_costs([a_forecast_line(calls=2)], NOW).lines
    forecast = Forecast(lines=[line.model_copy(update={"usd": Decimal("0.02")})])
    text = markdown(a_row(**planned), a_row(**fallen), forecast=forecast)
    assert "Articles cost 50.0% more than forecast, because 1 call fell back to real time." in text
    assert "| Step | Route change | Variance |" in text
    assert "| articles | +$0.01 | +$0.01 |" in text
    as_planned = markdown(a_row(**planned), a_row(**planned), forecast=forecast)
    assert "| **Total** | **$0.02** | **$0.02** | **$0.00** | **0.0%** |" in as_planned
    assert "Why" not in as_planned


def test_failed_and_invalid_calls_are_mentioned_with_what_they_cost():
    failed = a_row(status=CallStatus.FAILED, usage=Usage(), cost_usd=Decimal(0), realtime_usd=Decimal(0))
    text = markdown(a_row(), failed, a_row(status=CallStatus.INVALID))
    assert "1 call returned invalid replies, which are billed: $0.000555." in text
    assert "1 call failed; the provider does not bill failed calls." in text


def test_a_year_names_its_number_of_sites_and_its_saving():
    text = to_markdown(cost_report([IMAGE], sites_per_year=1200), simulated=False, title="t")
    assert "1,200 sites like this one cost $19.31 a year, or $38.62 in real time." in text
    assert "Saved, compared with real time: $19.31." in text


def test_the_prices_source_is_named():
    assert "- Prices: genai-prices 0.2.3." in markdown(a_row())


def test_the_report_is_well_formed_markdown_with_its_tables():
    page = html(markdown(a_row(), IMAGE, forecast=forecast_costs([a_forecast_line()], NOW)))
    assert page.count("<table>") == 7
    assert page.count("<h2>") == 6
    assert "<td><strong>Total</strong></td>" in page


def test_its_charts_are_pictures_in_data_addresses_that_hold_the_figures():
    text = markdown(a_row(), IMAGE, forecast=forecast_costs([a_forecast_line()], NOW))
    pictures = [base64.b64decode(data).decode() for data in re.findall(r"\(data:image/svg\+xml;base64,([^)]+)\)", text)]
    assert [text_of(picture)[0] for picture in pictures] == [
        "Cost by step: spent and real-time cost",
        "Share of the cost by step and by route",
        "Cost by step: spent and forecast",
    ]
    assert {"articles", "images", "$0.000555", "$0.00111", "$0.0161", "$0.0322"} <= set(text_of(pictures[0]))
    assert {"batch", "$0.0166", "100.0%", "96.7%", "3.3%"} <= set(text_of(pictures[1]))
    assert {"spent", "forecast", "$0.0036"} <= set(text_of(pictures[2]))


def text_of(picture):
    return [element.text for element in ElementTree.fromstring(picture).iter() if element.text]


def test_a_title_in_any_language_means_nothing_but_itself():
    page = html(markdown(a_row(), title="碼頭麵包店 <script>alert(1)</script> | *A* [x](y)\n# B"))
    assert "碼頭麵包店 &lt;script&gt;alert(1)&lt;/script&gt; | *A* [x](y) # B</h1>" in page
    assert "<script>" not in page


def test_a_model_that_calls_itself_markdown_means_nothing_but_itself():
    page = html(markdown(a_row(model="a|b <img src=x> [c](d)"), a_row(price_source="![e](https://f.example/)")))
    assert "<td>a|b &lt;img src=x&gt; [c](d)</td>" in page
    assert "![e](https://f.example/)" in page


def test_a_report_of_nothing_still_reads():
    page = html(markdown())
    assert "$0.00" in page
    assert "<img" not in page


@given(st.lists(st.decimals(-(10**4), 10**4, places=12), min_size=1, max_size=8))
def test_the_sums_of_a_column_stand_point_under_point_and_none_is_shown_as_nothing(amounts):
    places = common_places(amounts)
    shown = [usd(amount, places) for amount in amounts]
    assert 2 <= places <= 6
    assert {len(text.partition(".")[2]) for text in shown} == {places}
    for amount, text in zip(amounts, shown, strict=True):
        at_least_it = text[0] in "<>"
        value = Decimal(re.sub("[<>$,]", "", text))
        assert bool(value) == bool(amount)
        assert at_least_it or abs(value - amount) <= Decimal(5).scaleb(-places - 1)


@settings(max_examples=30)
@given(rows)
def test_the_table_is_plain_json_and_ends_in_the_total(rows):
    table = json.loads(json.dumps(to_table(cost_report(rows))))
    assert table[-1]["step"] == "Total"
    assert table[-1]["calls"] == sum(row["calls"] for row in table[:-1]) == len(rows)
    assert len({(row["step"], row["route"], row["model"]) for row in table}) == len(table)


@settings(max_examples=30)
@given(rows)
def test_the_table_has_every_digit_of_its_sums_and_they_sort_as_text(rows):
    *lines, total = to_table(cost_report(rows))
    for name, field in (("cost USD", "cost_usd"), ("in real time USD", "realtime_usd")):
        assert sum(Decimal(line[name]) for line in lines) == Decimal(total[name])
        assert Decimal(total[name]) == sum(getattr(row, field) for row in rows)
        texts = [line[name] for line in lines]
        assert sorted(texts) == sorted(texts, key=Decimal)
    assert [line["cost USD"] for line in lines] == sorted((line["cost USD"] for line in lines), reverse=True)


def test_a_line_of_the_table_has_its_route_its_model_and_its_share_saved():
    [line, total] = to_table(cost_report([IMAGE]))
    assert line == {
        "step": "images",
        "route": "batch",
        "model": "gpt-image-2.5-flare",
        "calls": 1,
        "tokens in": 100,
        "cached": 0,
        "tokens out": 1056,
        "cost USD": "0.016090",
        "in real time USD": "0.032180",
        "saved USD": "0.016090",
        "saved %": "50.0",
    }
    assert total == {**line, "step": "Total", "route": "", "model": ""}


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
    assert sum(Decimal(call["cost_usd"]) for call in data["calls"]) == report.total
    for group in ("by_step", "by_route", "by_model"):
        assert sum(Decimal(part["usd"]) for part in data[group].values()) == report.total
    assert Decimal(data["forecast_by_step"]["articles"]["forecast_usd"]) == Decimal("0.0036")
    for step in data["forecast_by_step"].values():
        assert sum(Decimal(step[cause]) for cause in CAUSES) == Decimal(step["variance_usd"])
