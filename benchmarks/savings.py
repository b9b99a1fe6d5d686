"""What asking better saves, measured on the ledger: each way of asking added to the one before, for the example briefs.

    python -m benchmarks.savings [BRIEF...] [--json FILE]

Invariant: every figure is a sum of ledger rows of a whole run of the real flow on the built-in simulator, which counts
tokens, caches prompts and bills by OpenAI's published rules; its texts and its reasoning are not a model's, so the
shares are measured on the simulator, and a real model's differ. Each run starts with an empty ledger and a cold cache.
Exit code 1 when a target is missed.
"""

import json
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from pressrun.brief import SiteBrief
from pressrun.briefs import load_briefs
from pressrun.calls import StepName
from pressrun.cli import quiet_environment
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.money import percent, share, usd
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy

EXAMPLES = Path(__file__).parent.parent / "examples"
NAIVE = {"preference": "speed", "pack_items": False, "share_prefix": False, "fit_effort": False}
STAGES: dict[str, dict[str, Any]] = {
    "naive: real time, item by item": {},
    "+ effort and caps by step": {"fit_effort": True},
    "+ merged batch": {"preference": "balanced"},
    "+ packing": {"pack_items": True},
    "+ cacheable prompts": {"share_prefix": True},
    "+ images by batch": {"images": "always_batch"},
}
"""What each stage changes in the strategy of the one before."""
BASELINE = "+ effort and caps by step"
"""What the targets are taken against: the same requests, at the same effort, in real time and item by item."""
TEXT_STAGE, WHOLE_STAGE = "+ cacheable prompts", "+ images by batch"
TEXT_JOB = {StepName.ARTICLES, StepName.DESCRIPTIONS, StepName.SEO}
"""The steps of the merged text job; the configuration is not in it."""
TEXT_TARGET, WHOLE_TARGET = Decimal(40), Decimal(50)
"""Per cent of the baseline, at most."""


class Bill(NamedTuple):
    """USD for one site."""

    text: Decimal
    """The merged text job."""
    whole: Decimal


def main(arguments: Sequence[str]) -> int:
    """Run everything and print the matrix."""
    quiet_environment()
    parser = ArgumentParser(description="What asking better saves, measured on the ledger.")
    parser.add_argument("briefs", nargs="*", type=Path, default=[EXAMPLES], help="brief files or folders")
    parser.add_argument("--json", type=Path, help="write the figures with every digit")
    options = parser.parse_args(arguments)
    matrix = {brief.slug: measured(brief) for brief in load_briefs(options.briefs)}
    if options.json:
        bills = {slug: {name: bill._asdict() for name, bill in bills.items()} for slug, bills in matrix.items()}
        options.json.write_text(json.dumps(bills, default=str, indent=2))
    console = Console(width=110)
    for slug, bills in matrix.items():
        console.print(table(slug, bills))
    return verdict(matrix, console)


def measured(brief: SiteBrief) -> dict[str, Bill]:
    """The bill of each stage."""
    bills, strategy = {}, dict(NAIVE)
    for name, changes in STAGES.items():
        strategy |= changes
        bills[name] = billed(brief, BatchStrategy.model_validate(strategy))
        print(f"{brief.slug}: {name}: {usd(bills[name].whole)}", file=sys.stderr)  # noqa: T201
    return bills


def billed(brief: SiteBrief, strategy: BatchStrategy) -> Bill:
    """Build the site once, and sum the ledger of it."""
    from flows.build_site import build_site

    with a_fresh_start() as out:
        state: Any = build_site(
            brief=brief, strategy=strategy, simulate=True, fresh=True, out=out, poll_seconds=0.1, return_state=True
        )
        assert state.is_completed(), state.message
        rows = list(LedgerFile(Settings().ledger_file).rows())
    return Bill(text=total(row for row in rows if row.step in TEXT_JOB), whole=total(rows))


def total(rows: Iterator[LedgerRow] | list[LedgerRow]) -> Decimal:
    return sum((row.cost_usd for row in rows), Decimal(0))


@contextmanager
def a_fresh_start() -> Iterator[str]:
    """An empty ledger, and a simulator that has seen nothing; yields a folder for the bundle."""
    with tempfile.TemporaryDirectory(prefix="pressrun-savings-") as folder:
        os.environ["PRESSRUN_STATE_DIR"] = folder
        os.environ["PRESSRUN_SIMULATED_BATCH_SECONDS"] = "0.5"
        yield f"{folder}/sites"


def table(slug: str, bills: dict[str, Bill]) -> Table:
    """The matrix of one site; shares are of the baseline."""
    shown = Table(title=slug, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for name in ("USD a site", "text job", "of baseline", "whole bill", "of baseline"):
        shown.add_column(name, justify="left" if name == "USD a site" else "right", no_wrap=True)
    for name, bill in bills.items():
        base = bills[BASELINE]
        parts = [percent(share(bill.text, base.text)), percent(share(bill.whole, base.whole))]
        shown.add_row(name, usd(bill.text), parts[0], usd(bill.whole), parts[1])
    return shown


def verdict(matrix: dict[str, dict[str, Bill]], console: Console) -> int:
    """Say whether every site reaches the targets."""
    texts = {slug: of_baseline(bills, TEXT_STAGE, "text") for slug, bills in matrix.items()}
    wholes = {slug: of_baseline(bills, WHOLE_STAGE, "whole") for slug, bills in matrix.items()}
    missed = [slug for slug in matrix if texts[slug] > TEXT_TARGET or wholes[slug] > WHOLE_TARGET]
    console.print(
        f"\nBaseline: '{BASELINE}'. Text job: {percent(min(texts.values()))} to {percent(max(texts.values()))} of it "
        f"(target {TEXT_TARGET}%). Whole bill with images by batch: {percent(min(wholes.values()))} to "
        f"{percent(max(wholes.values()))} (target {WHOLE_TARGET}%).",
        highlight=False,
    )
    console.print(f"Missed by {', '.join(missed)}." if missed else "Every site reaches both.", highlight=False)
    return 1 if missed else 0


def of_baseline(bills: dict[str, Bill], stage: str, part: str) -> Decimal:
    """A stage's bill in per cent of the baseline's."""
    found = share(getattr(bills[stage], part), getattr(bills[BASELINE], part))
    assert found is not None
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
