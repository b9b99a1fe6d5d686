"""`pressrun correct`: what one call really used, according to the provider's invoice.

Invariant: a correction is a further entry; the original one stays in the ledger.
"""

from typing import Annotated

import typer
from rich.console import Console

from pressrun.calls import Usage
from pressrun.cli.text import counted, plain
from pressrun.costs.ledger import LedgerRow, corrected
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.money import usd
from pressrun.costs.reading import ledger_to_read
from pressrun.errors import Refused
from pressrun.prices import tariff
from pressrun.settings import Settings
from pressrun.usage import BELIEVABLE

__all__ = ["correct"]


def correct(
    call: Annotated[str, typer.Argument(help="Its call_id or entry_id from `pressrun costs --csv`.", metavar="CALL")],
    input_tokens: Annotated[int, typer.Option("--input", min=0, max=BELIEVABLE, help="Input tokens, as invoiced.")],
    output_tokens: Annotated[int, typer.Option("--output", min=0, max=BELIEVABLE, help="Output tokens, as invoiced.")],
    reason: Annotated[str, typer.Option(help="Where the figures are from, such as an invoice's number.")],
    cached: Annotated[int, typer.Option(min=0, max=BELIEVABLE, help="The part of the input that was cached.")] = 0,
) -> None:
    """Correct the tokens of one call in the ledger, as the provider's invoice has them."""
    if not reason.strip():
        raise typer.BadParameter("say where the figures are from, such as an invoice's number", param_hint="--reason")
    if cached > input_tokens:
        raise typer.BadParameter("the cached tokens are a part of the input tokens", param_hint="--cached")
    settings = Settings()
    with ledger_to_read(settings) as ledger:
        row = _only(ledger, call)
        usage = Usage(
            input=input_tokens,
            cached=cached,
            output=output_tokens,
            output_image=output_tokens if row.usage.output_image else 0,
        )
        served_at = settings.model_copy(update={"openai_base_url": row.provider})
        changed = corrected(row, usage, reason, tariff(served_at, simulate=row.simulated))
        ledger.correct(changed)
    text = f"{row.call_id}: {usd(row.cost_usd)} became {usd(changed.cost_usd)}. The first entry stays in the ledger."
    Console().print(plain(text), highlight=False, markup=False, soft_wrap=True)


def _only(ledger: LedgerFile, name: str) -> LedgerRow:
    """The one payment of this name. Raises `Refused` when there is none, or more than one."""
    found = ledger.find(name)
    if not found:
        raise Refused(f"The ledger has no call {name!r}. `pressrun costs --csv calls.csv` lists the calls.")
    if len(found) > 1:
        several = counted(len(found), "payment", "payments")
        listed = "".join(f"\n  {row.entry_id}  {row.answered_at:%Y-%m-%d %H:%M}  {usd(row.cost_usd)}" for row in found)
        raise Refused(f"{several} have the name {name!r}. Give one of their entry ids:{listed}")
    return found[0]
