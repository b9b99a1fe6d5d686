"""Pressrun's own way through a batch, as its flow goes but without Prefect: the real article step, as streams.

What is held is where an answer belongs (site and article number by id), never a call or an answer.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from openai import OpenAI

from benchmarks.measured import report_on, started
from pressrun.batchfile import Harvest
from pressrun.brief import SiteBrief
from pressrun.calls import Answer, Call, StepName
from pressrun.costs.ledger import LedgerRow, Origin, ledger_row
from pressrun.costs.report import cost_report
from pressrun.routes.batch import BatchWatch, Move, answers_of, look, submit
from pressrun.sharding import Shard, shards
from pressrun.steps import STEPS, InvalidReply, Order
from pressrun.steps.articles import Article
from pressrun.steps.base import parse_chat
from pressrun.steps.config import SiteConfig, specimen

IMPORTS = started()
ARTICLES = STEPS[StepName.ARTICLES]
MODEL = "gpt-6-luna"
RUN = "benchmark"
ORIGIN = Origin(run_id=RUN)
CHECK_PROSE = "--check-prose" in sys.argv
"""Length, language and debris: what no script without a step does, so the ratio is taken without."""
POLL = timedelta(seconds=0.1)


class Receipt(NamedTuple):
    """What the books need to know of a call that was asked."""

    id: str
    site: str
    step: StepName
    item: str
    model: str
    items: tuple[str, ...] = ()
    repairs: str | None = None


class Project:
    """A fleet of sites of one plan: the order of any site can be made again whenever it is needed."""

    def __init__(self, brief: SiteBrief, config: SiteConfig) -> None:
        self.first = Order(brief=brief, config=config, text_model=MODEL, image_model="", image_quality="")

    def order(self, number: int) -> Order:
        slug = f"site-{number:05d}"
        brief = self.first.brief.model_copy(update={"slug": slug, "domain": f"{slug}.example"})
        return self.first.model_copy(update={"brief": brief})

    def calls(self, requests: int, receipts: dict[str, Receipt]) -> Iterator[Call]:
        """The calls of as many sites as it takes, with a receipt for each."""
        left = requests
        for number in range(requests):
            for call in ARTICLES.calls(self.order(number))[:left]:
                receipts[call.id] = Receipt(call.id, call.site, call.step, call.item, call.model)
                left -= 1
                yield call
            if not left:
                return


def a_project() -> Project:
    """A bakery with nine articles and a client who had something to say: about 8 KB a request."""
    brief = SiteBrief(
        name="Harbour Bakery",
        slug="site-00000",
        domain="site-00000.example",
        trade="Sourdough bakery",
        audience="People who live near the quay and visitors of the Saturday market",
        services=["Sourdough loaves", "Celebration cakes", "Bread courses", "Deliveries to cafés"],
        keywords=["sourdough bakery", "fresh bread near the quay", "wedding cakes"],
        article_count=9,
        notes="The ovens are from 1931 and are lit at two in the morning – ask for Ines. " * 28,
    )
    config = specimen(brief)
    plans = [
        plan.model_copy(update={"slug": f"article-{number}", "title": f"{plan.title} {number}"})
        for number, plan in enumerate(config.articles, start=1)
    ]
    return Project(brief, config.model_copy(update={"articles": plans}))


def run(url: str, folder: Path, requests: int) -> dict[str, Any]:
    """All of it: build, upload, poll, harvest, validate, ledger."""
    project = a_project()
    receipts: dict[str, Receipt] = {}
    with OpenAI(api_key="none", base_url=url) as client:
        files = shards(project.calls(requests, receipts), folder)
        report = cost_report(row for shard in files for row in rows_of(client, shard, project, receipts))
    [step] = report.by_step.to_dict("records")
    return {
        "articles": int(step["calls"] - step["failed"] - step["invalid"]),
        "tokens": int(step["input"] + step["output"]),
        "usd": float(report.total),
    }


def rows_of(client: OpenAI, shard: Shard, project: Project, receipts: dict[str, Receipt]) -> Iterator[LedgerRow]:
    """Get one shard answered; its rows in the books, as the answers come."""
    ticket = submit(client, shard, run_id=RUN)
    watch = BatchWatch(deadline=ticket.created_at + timedelta(hours=24), first=POLL, longest=POLL)
    while True:
        view = look(client, ticket.batch_id)
        decision = watch.on_status(view, datetime.now(UTC))
        if decision.move is Move.HARVEST:
            break
        time.sleep(decision.pause.total_seconds())
    reader = Harvest(shard.ids, batch_id=ticket.batch_id, run_id=RUN, at=datetime.now(UTC))
    for answer in answers_of(client, view, shard, reader):
        receipt = receipts[answer.call_id]
        valid = is_valid(project, receipt, answer)
        yield ledger_row(receipt, answer, valid=valid, at=reader.at, origin=ORIGIN)
    account = reader.account()
    assert account.answered == account.submitted, account


def is_valid(project: Project, receipt: Receipt, answer: Answer) -> bool:
    """Whether a reply passes its schema, or, when the checks of prose are on, everything that the step asks of it."""
    asked: Any = receipt
    try:
        if CHECK_PROSE:
            order = project.order(int(receipt.site.removeprefix("site-")))
            ARTICLES.parse(order, asked, answer)  # Of the call the step wants the item's name only.
        else:
            parse_chat(answer, Article)
    except InvalidReply:
        return False
    return True


if __name__ == "__main__":
    report_on(run, IMPORTS)
