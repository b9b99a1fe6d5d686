"""The end of a run: bundle and cost report, delivered at once, or when a person has approved the preview.

Invariant: what was approved is what is delivered. A run that continues after approval generates nothing: it finds what
it had finished, so it can neither pay for anything nor deliver anything that nobody has seen.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect.runtime import flow_run

from flows.approval import ask_for_delivery
from flows.desk import Desk, Options, Work
from pressrun.approval import show_delivery
from pressrun.bundle.handover import preview_out
from pressrun.bundle.remote import local_folder
from pressrun.costs.export import to_csv, to_json
from pressrun.costs.ledger import LedgerRow
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.costs.page import to_html
from pressrun.costs.render import to_markdown, to_table
from pressrun.costs.report import CostReport, cost_report
from pressrun.errors import Refused
from pressrun.fleet import made_from
from pressrun.frozen import Frozen
from pressrun.links import Links, links_to, show_links
from pressrun.manifest import manifest
from pressrun.result import BuildResult, build_result
from pressrun.settings import current_settings
from pressrun.site import Site
from tasks.delivery import deliver, deliver_approved
from tasks.kept import find_for_run, keep_for_run
from tasks.quoting import quoted
from tasks.reports import publish_link, publish_markdown, publish_month, publish_table
from tasks.runs import fleet_id

__all__ = ["deliver_approved_site", "deliver_site", "finished_before", "require_folder"]

FINISHED = "finished"


class Finished(Frozen):
    """A site that is ready for delivery."""

    result: BuildResult
    """The result of the run once the site is delivered."""
    preview: str
    """Its folder until then."""
    shown: str
    """The text of the approval form, as Markdown."""


def require_folder(out: str) -> Path:
    """The folder that `out` names. Raises `Refused` for a URL, because the preview waits on this machine."""
    folder = local_folder(out)
    if folder is None:
        raise Refused(
            f"Approving the finished site needs an output folder for the preview, but {out} is a URL. Nothing was "
            "spent. Set `out` to a folder, or turn the approval off."
        )
    return folder


def deliver_site(site: Site, desk: Desk, work: Work, options: Options) -> BuildResult:
    """Deliver bundle and cost report: as files that need no Prefect, and as artifacts of the run.

    With `approve_delivery` the run is suspended before the bundle is delivered. Raises `Stopped`.
    """
    rows = desk.books.rows(work.calls)
    report = cost_report(rows, desk.plan.forecast, sites_per_year=current_settings().sites_per_year)
    made_at = datetime.now(UTC)
    account = manifest(
        site,
        rows,
        work.batches,
        work.decisions,
        run_id=flow_run.id or "",
        made_at=made_at,
        made_from=made_from(desk.plan, desk.strategy, desk.provider.identity),
    )
    files = _files(site, rows, report, account, made_at)
    if options.approve_delivery:
        return _deliver_when_approved(site, report, files, made_at, options)
    result = _result(site, report, deliver(quoted(site), options.out, files, made_at))
    _publish(site, report, result.links)
    _publish_link(result)
    return result


def _files(
    site: Site, rows: list[LedgerRow], report: CostReport, account: dict[str, Any], made_at: datetime
) -> dict[str, str]:
    """The bundle's files besides the site."""
    title = _title(site)
    return {
        "manifest.json": json.dumps(account, ensure_ascii=False, indent=2),
        "costs.csv": to_csv(rows),
        "costs.json": to_json(report, rows),
        "costs.md": to_markdown(report, simulated=site.simulated, title=title),
        "costs.html": to_html(report, simulated=site.simulated, title=title, made_at=made_at),
    }


def _title(site: Site) -> str:
    return f"Cost of {site.brief.name}"


def _result(site: Site, report: CostReport, bundle: str) -> BuildResult:
    return build_result(site, report, bundle, links_to(bundle, _sites_url()))


def _sites_url(below: str = "") -> str | None:
    """The URL at which the output folder, or a folder `below` it, is served."""
    address = current_settings().sites_url
    return f"{str(address).rstrip('/')}/{below}".rstrip("/") if address else None


def _publish(site: Site, report: CostReport, links: Links) -> None:
    """Publish the artifacts of the run, and of the month unless the run is part of a fleet."""
    slug, title = site.brief.slug, _title(site)
    markdown = to_markdown(report, simulated=site.simulated, title=title, where=show_links(links))
    publish_markdown(f"costs-{slug}", markdown, f"{title}: forecast, actual, saving")
    publish_table(f"costs-table-{slug}", to_table(report), f"{title}, by step")
    if not fleet_id():
        today = datetime.now(UTC).date()
        publish_month(LedgerFile(current_settings().ledger_file), today.replace(day=1), simulated=site.simulated)


def _publish_link(result: BuildResult) -> None:
    slug = result.slug
    if result.links.served:
        preview = result.links.preview
        publish_link(f"preview-{slug}", preview, f"Preview of {slug}", f"The delivered site: {slug}")


def _deliver_when_approved(
    site: Site, report: CostReport, files: dict[str, str], made_at: datetime, options: Options
) -> BuildResult:
    folder = require_folder(options.out)
    waiting = preview_out(folder, flow_run.id)
    preview = deliver(quoted(site), str(waiting), files, made_at)
    shown_at = links_to(preview, _sites_url(waiting.relative_to(folder).as_posix()))
    result = _result(site, report, str((folder / site.brief.slug).resolve()))
    _publish(site, report, shown_at)
    finished = Finished(result=result, preview=preview, shown=show_delivery(site, report, shown_at.preview))
    keep_for_run(FINISHED, finished)
    return deliver_approved_site(finished, options)


def finished_before() -> Finished | None:
    """What this attempt at the run had finished before it was suspended."""
    kept = find_for_run(FINISHED)
    return Finished.model_validate(kept) if kept else None


def deliver_approved_site(finished: Finished, options: Options) -> BuildResult:
    """Ask, and deliver what was shown. Raises `Stopped`."""
    decision = ask_for_delivery(finished.shown, flow_run.run_count or 1, options, finished.preview)
    bundle = str(deliver_approved(Path(finished.preview), Path(finished.result.bundle), decision))
    result = finished.result.model_copy(update={"bundle": bundle, "links": links_to(bundle, _sites_url())})
    _publish_link(result)
    return result
