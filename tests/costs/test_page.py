import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser

from hypothesis import given, settings

from pressrun.calls import StepName
from pressrun.costs.forecast import forecast_costs
from pressrun.costs.page import to_html
from pressrun.costs.report import cost_report
from pressrun.costs.sections import headline, sections

from .books import NOW, a_forecast_line, a_row, rows

IMAGE = a_row(step=StepName.IMAGES, cost_usd=Decimal("0.01609"), realtime_usd=Decimal("0.03218"))
FORECAST = forecast_costs([a_forecast_line()], NOW)
VOID = {"meta", "link"}


class Page(HTMLParser):
    """What a page has: its elements with their attributes, its text, and whether each element was closed in turn."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page(*rows, forecast=FORECAST, simulated=False, title="Cost of Harbour Bakery", made_at=NOW):
    return to_html(cost_report(rows, forecast), simulated=simulated, title=title, made_at=made_at)


def test_the_page_leads_with_what_was_spent_what_was_saved_and_against_what():
    text = "".join(Page(page(a_row(), IMAGE)).text).split("By step")[0]
    assert re.search(
        r"Spent\s*\$0\.0166\s*Saved, against asking the same in real time\s*\$0\.0166 50\.0%\s*The same in real time",
        text,
    )


@settings(max_examples=15)
@given(rows)
def test_it_says_everything_that_the_report_has_to_say(rows):
    report = cost_report(rows, FORECAST)
    text = "\n".join(Page(to_html(report, simulated=False, title="t", made_at=NOW)).text)
    said = [one.amount for one in headline(report)]
    for section in sections(report):
        said += [section.title, *section.text, *section.notes]
        said += [cell for table in section.tables for row in [table.head, *table.rows] for cell in row]
    assert [words for words in said if words not in text] == []


def test_words_stand_to_the_left_figures_to_the_right_and_totals_apart():
    html = page(a_row(), IMAGE)
    assert '<th scope="row">images</th><td>batch</td><td class="number">1</td>' in html
    assert '<tr class="total"><th scope="row">Total</th><td></td><td class="number">2</td>' in html


def test_it_has_no_script_and_asks_for_nothing():
    html = Page(page(a_row(), IMAGE, simulated=True))
    assert not {"script", "img", "iframe", "form", "base", "object"} & {tag for tag, _ in html.elements}
    addresses = [attributes[name] for _, attributes in html.elements for name in ("src", "href") if name in attributes]
    assert addresses == ["data:,"]
    [policy] = [meta["content"] for meta in html.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import", page(a_row(), IMAGE))


def test_its_charts_are_drawn_in_the_page():
    html = Page(page(a_row(), IMAGE))
    assert len(html.all("svg")) == 3
    assert "Cost by step, spent and forecast" in html.text


def test_a_simulated_page_says_so_first_and_in_its_title():
    html = page(a_row(), simulated=True)
    assert "<title>SIMULATED: Cost of Harbour Bakery</title>" in html
    assert 0 < html.index("SIMULATED: no money was spent.") < html.index("<h1>")
    assert "SIMULATED" not in page(a_row())


def test_a_text_in_any_language_means_nothing_but_itself():
    html = page(
        a_row(model="<img src=x onerror=alert(1)>", price_source="</li><script>alert(1)</script>"),
        title="碼頭麵包店\n<script>alert(1)</script> & 「茶」",
    )
    assert "<h1>碼頭麵包店 &lt;script&gt;alert(1)&lt;/script&gt; &amp; 「茶」</h1>" in html
    assert not {"script", "img"} & {tag for tag, _ in Page(html).elements}
    assert "<img src=x onerror=alert(1)>" in Page(html).text


def test_the_time_it_was_made_is_given_in_utc():
    taipei = datetime(2026, 11, 24, 1, 30, tzinfo=timezone(timedelta(hours=8)))
    assert "Made by Pressrun on 2026-11-23 at 17:30 UTC." in page(a_row(), made_at=taipei)


def test_it_is_fit_for_a_dark_screen_a_phone_and_paper():
    html = page(a_row())
    for media in ("screen and (prefers-color-scheme: dark)", "(max-width: 40rem)", "print"):
        assert f"@media {media} {{" in html
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in Page(html).all("meta")


def test_a_page_of_nothing_still_reads():
    html = Page(page(forecast=None))
    assert "$0.00" in html.text
    assert html.all("svg") == []
