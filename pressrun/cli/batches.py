"""`pressrun batches`: what this project has in flight or left behind at the provider.

Invariant: nothing is cancelled or deleted before the user has seen what, and what it costs, and confirmed (or `--yes`).
Exit codes: 0 ok, 1 something failed, 2 refused or bad input.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer
from openai import OpenAI
from rich.console import Console
from rich.markup import escape

from pressrun.cli import batches_screen as screen
from pressrun.cli.exit_codes import COMPLETE, INCOMPLETE, REFUSED
from pressrun.cli.prefect_server import prefect_server
from pressrun.cli.text import counted, plain, wide_console
from pressrun.durations import parse_duration
from pressrun.errors import PressrunError, ProviderUnfit, Refused
from pressrun.project import importable
from pressrun.routes import housekeeping
from pressrun.routes.cleaning import Cleaning, Removal, plan_cleaning
from pressrun.routes.provider import Provider, open_client
from pressrun.routes.records import BatchListing, BatchRecord
from pressrun.settings import Settings
from pressrun.untrusted import safe

__all__ = ["app"]

RETRIES, TIMEOUT = 2, 60.0
"""Of each request; someone is waiting."""
LOOK_BACK_TO_CLEAN = 10_000
"""Batches. A file that an unlisted batch may use is kept, so looking further back allows more deletions."""

app = typer.Typer(
    help="Manage this project's batches and files at the provider: list, show, cancel, clean, adopt.",
    no_args_is_help=True,
)

BatchId = Annotated[str, typer.Argument(metavar="ID")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@contextmanager
def _provider() -> Iterator[OpenAI]:
    """A client for the key's project; errors inside the block become a message and an exit code."""
    try:
        settings = Settings()
        if settings.openai_api_key is None:
            raise ProviderUnfit("OPENAI_API_KEY is not set. Set it to the key of the project to inspect.")
        provider = Provider(base_url=settings.openai_base_url)
        with open_client(provider, settings.openai_api_key, settings) as client:
            yield client.with_options(max_retries=RETRIES, timeout=TIMEOUT)
    except Refused as error:
        _complain("Refused.", error)
        raise typer.Exit(REFUSED) from None
    except PressrunError as error:
        _complain("Failed.", error)
        raise typer.Exit(INCOMPLETE) from None


def _complain(word: str, error: object) -> None:
    text = f"[bold red]{word}[/] {escape(plain(str(error)))}"
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)


def _json(value: Any) -> None:
    typer.echo(safe(json.dumps(value, ensure_ascii=False, indent=2)))


@app.command("list")
def list_(
    site: Annotated[str | None, typer.Option(help="Only batches with this site.", metavar="SLUG")] = None,
    run: Annotated[str | None, typer.Option(help="Only of this flow run (id or prefix).", metavar="ID")] = None,
    live: Annotated[bool, typer.Option("--live", help="Only batches that have not ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """List Pressrun's batches, newest first."""
    with _provider() as client:
        listing = housekeeping.read_batches(client)
    chosen = housekeeping.select(listing.batches, site=site, run_id=run, live_only=live)
    if as_json:
        _json({"batches": [batch.model_dump(mode="json") for batch in chosen], "is_complete": listing.is_complete})
        return
    if chosen:
        wide_console().print(screen.batch_table(chosen, datetime.now(UTC)))
    _say(screen.about_the_list(listing, chosen, is_filtered=bool(site or run or live)))


@app.command()
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show the details of one batch."""
    with _provider() as client:
        batch = housekeeping.find_batch(client, batch_id)
        files = {what: housekeeping.find_file(client, file_id) for what, file_id in batch.files.items()}
    if as_json:
        found = {what: file and file.model_dump(mode="json") for what, file in files.items()}
        _json({**batch.model_dump(mode="json"), "is_ours": batch.is_ours, "is_live": batch.is_live, "files": found})
        return
    wide_console().print(screen.batch_sheet(batch, files, datetime.now(UTC)))


@app.command()
def cancel(
    batch_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    yes: Yes = False,
    foreign: Annotated[bool, typer.Option("--foreign", help="Include batches that Pressrun did not create.")] = False,
) -> None:
    """Cancel batches. Finished answers are kept and billed."""
    with _provider() as client:
        batches = [housekeeping.find_batch(client, batch_id) for batch_id in dict.fromkeys(batch_ids)]
        strangers = [batch.id for batch in batches if not batch.is_ours]
        if strangers and not foreign:
            raise Refused(
                f"{', '.join(strangers)}: not created by Pressrun. Nothing was cancelled. Add --foreign to cancel them."
            )
        live = [batch for batch in batches if batch.is_live]
        for batch in batches:
            _say(screen.before_cancelling(batch))
        if not live:
            return
        _say(screen.CANCELLING)
        _confirm(f"Cancel {counted(len(live), 'batch', 'batches')}?", yes=yes)
        cancelled = sum(_cancel(client, batch) for batch in live)
    raise typer.Exit(COMPLETE if cancelled == len(live) else INCOMPLETE)


def _cancel(client: OpenAI, batch: BatchRecord) -> bool:
    """Whether it worked; if not, the others are still cancelled."""
    try:
        _say(screen.after_cancelling(housekeeping.cancel_batch(client, batch.id)))
    except PressrunError as error:
        _complain("Failed.", f"{batch.id}: {error}")
        return False
    return True


@app.command()
def clean(
    older_than: Annotated[str, typer.Option(help="Keep newer files: 1h, 2 days.")] = "1h",
    answers: Annotated[bool, typer.Option("--answers", help="Also delete the answers of ended batches.")] = False,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
) -> None:
    """Delete Pressrun's input files that no live batch uses, such as those left by a crash."""
    age = _age(older_than)
    with _provider() as client:
        plan = partial(_plan, client, older_than=age, answers=answers)
        cleaning, listing = plan()
        wide_console().print(screen.removal_table(cleaning))
        _say(screen.about_the_cleaning(cleaning, listing))
        if dry_run or not cleaning.removals:
            return
        _confirm(f"Delete {counted(len(cleaning.removals), 'file', 'files')}?", yes=yes)
        # A run may have started to use a file in the meantime.
        still = {removal.file.id for removal in plan()[0].removals}
        agreed = [removal for removal in cleaning.removals if removal.file.id in still]
        is_whole = _delete(client, agreed)
        if len(agreed) < len(cleaning.removals):
            _say("The others were already gone, or a batch now uses them.")
    raise typer.Exit(COMPLETE if is_whole else INCOMPLETE)


def _plan(client: OpenAI, *, older_than: timedelta, answers: bool) -> tuple[Cleaning, BatchListing]:
    """Files first: one that is uploaded in between is then unknown, and stays."""
    files = housekeeping.read_files(client)
    listing = housekeeping.read_batches(client, LOOK_BACK_TO_CLEAN)
    now = datetime.now(UTC)
    return plan_cleaning(listing, files, older_than=older_than, answers=answers, now=now), listing


def _delete(client: OpenAI, removals: list[Removal]) -> bool:
    """Delete the confirmed files; returns whether every deletion worked."""
    deleted, failures = [], 0
    for removal in removals:
        try:
            if housekeeping.delete_file(client, removal.file.id):
                deleted.append(removal.file)
        except PressrunError as error:
            _complain("Failed.", error)
            failures += 1
    _say(f"Deleted {screen.amount(deleted)}.")
    return failures == 0


def _age(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--older-than") from None


def _confirm(question: str, *, yes: bool) -> None:
    """Raises `Refused` when the answer is no, or when there is no answer."""
    if yes:
        return
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        typer.echo()
        raise Refused("No confirmation was given, so nothing was changed. Use --yes to skip the question.") from None
    if not agreed:
        raise Refused("Nothing was changed.")


@app.command()
def adopt(batch: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Import a batch from the provider into this installation, so that the next run of its brief does not pay again."""
    with prefect_server(Settings()):
        importable()
        from flows.adopt_batch import adopt_batch

        state: Any = adopt_batch(batch, return_state=True)
    refused = state.name == "Refused"
    word = "[bold red]Refused.[/]" if refused else "" if state.is_completed() else "[bold red]Failed.[/]"
    Console(stderr=not state.is_completed()).print(
        f"{word} {escape(state.message or '')}".strip(), highlight=False, soft_wrap=True
    )
    raise typer.Exit(COMPLETE if state.is_completed() else REFUSED if refused else INCOMPLETE)
