"""`build-fleet`: many sites with one merged batch for all of them, and one report.

Read `_build` from top to bottom: step 08 of each site, one batch for everything that can wait, the sites, the report.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import FlowRun, State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows.approval import require_approval_possible
from flows.build_site import RUNNER
from flows.build_sites import build_each
from flows.cancelling import cancel_batches
from flows.desk import desk_for, sending_for
from flows.ending import failed_by
from flows.merging import Member, answer_together, configure_all
from flows.parameters import Choice, Usd, titled
from pressrun.brief import SiteBrief
from pressrun.briefs import FoundBriefs, find_briefs
from pressrun.bundle.placing import check_existing
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.durations import Duration
from pressrun.errors import Refused
from pressrun.fleet import (
    FleetReport,
    Outcome,
    SiteOutcome,
    fleet_markdown,
    fleet_rows,
    headline,
    is_up_to_date,
    made_from,
    spent_by_step,
)
from pressrun.plan import Plan, make_plan
from pressrun.preflight import all_at_once, places
from pressrun.progress import RoutesChosen, tell
from pressrun.routes.provider import expected_identity
from pressrun.settings import current_settings
from pressrun.strategy import BatchStrategy, Preference
from pressrun.waiting import Wait
from tasks.access import provider_for
from tasks.books import lessons_for
from tasks.fleet import runs_of_fleet, start_part, start_site, wait_for_parts, why_in_this_process
from tasks.kept import require_storage
from tasks.logs import quiet_prefect
from tasks.reports import publish_markdown, publish_month, publish_table
from tasks.waiting import suspended_names

__all__ = ["build_fleet"]

SITE_RUN = "build-site / "
"""Begins the name of a site's run, which ends with its slug."""
ENDED_AS = {"Completed": Outcome.COMPLETE, "Incomplete": Outcome.INCOMPLETE, "Refused": Outcome.REFUSED}


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """The options of a fleet, besides its briefs."""

    strategy: BatchStrategy
    cap: Decimal | None
    """USD, for each site."""
    simulate: bool
    rebuild: bool
    """Whether to build unchanged sites too."""
    out: str
    approve_config: bool
    wait: Wait
    poll_seconds: float
    sites_per_run: int

    @property
    def of_site(self) -> dict[str, Any]:
        """The options of each site's run."""
        return {
            "strategy": self.strategy,
            "max_cost_usd": self.cap,
            "simulate": self.simulate,
            "out": self.out,
            "poll_seconds": self.poll_seconds,
        }


def _run_name() -> str:
    given = flow_run.parameters.get("sites")
    return f"build-fleet / {f'{len(given)} given sites' if given else flow_run.parameters['briefs']}"


@flow(
    name="build-fleet",
    flow_run_name=_run_name,
    result_serializer="json",
    task_runner=RUNNER,  # type: ignore[arg-type]  # Prefect declares its runners invariant
    on_cancellation=[cancel_batches],
)
def build_fleet(
    briefs: Annotated[str, titled("Folder of briefs")] = "briefs",
    sites: Annotated[list[SiteBrief] | None, Choice("enter here", "use the folder"), titled("Or enter briefs")] = None,
    preference: Annotated[Preference | None, Choice("choose", "default"), titled("Preference")] = None,
    max_cost_usd: Annotated[Usd | None, Choice("USD", "no cap"), titled("Cost cap per site")] = None,
    max_wait_time: Annotated[Duration | None, Choice("custom", "default"), titled("Maximum wait")] = None,
    simulate: Annotated[bool, titled("Simulate")] = False,
    rebuild: Annotated[bool, titled("Rebuild unchanged sites")] = False,
    strategy: Annotated[BatchStrategy | None, Choice("custom", "default"), titled("Strategy")] = None,
    out: Annotated[str, titled("Output folder")] = "sites",
    approve_config: Annotated[bool, titled("Approve the configurations")] = False,
    wait: Annotated[Wait, titled("How to wait for batches")] = Wait.POLL,
    poll_seconds: Annotated[float, Field(gt=0, le=600), titled("First poll interval")] = 5.0,
    sites_per_run: Annotated[int, Field(ge=1), titled("Sites per run")] = 25,
) -> State[Any]:
    """Build many sites: step 08 of each, one merged batch for everything that can wait, then images and delivery.

    A site that fails, is refused, or waits for approval does not hold up the others. Ends as Completed when every other
    site is complete, as Incomplete (a failure) when one is not, and as Refused when there is nothing to build.

    Args:
        briefs: Path to the briefs on the worker: a folder of YAML and JSON files, a pattern such as clients/*.yaml, or
            a CSV file with one site per line.
        sites: Enter the briefs here instead of using a folder.
        preference: speed: everything in real time. balanced: text by batch (half the price, within hours), images in
            real time. cost: everything by batch where possible. Default: the strategy's preference (balanced).
        max_cost_usd: The most that each site may cost in US dollars across all its runs, above 0. A site with a higher
            forecast is refused; the others are built.
        max_wait_time: How long to wait for a batch, such as 6h, 90m or 2 days, before falling back to real time at the
            full price. Default: the strategy's maximum wait (24 hours).
        simulate: A rehearsal: placeholder text and images, no cost, everything is marked SIMULATED.
        rebuild: Also build sites that have not changed since their delivery. Nothing is paid for twice.
        strategy: For experts: the policy for each step, and for calls that a batch leaves unanswered.
        out: Where to put each site's folder: a folder, or a URL such as s3://bucket/sites, gs:// or az://.
        approve_config: Ask for approval of each site's plan. Each site then has its own run and its own batch.
        wait: poll: the run keeps its process while it waits for a batch. suspend: the process ends, and the deployment
            collect-batches resumes the run.
        poll_seconds: For experts: the first poll interval in seconds, above 0 and at most 600; later intervals grow.
        sites_per_run: For experts: how many sites one run on the work pool builds after the batch, 1 or more. Fewer
            sites spread the work over more workers; more sites start fewer processes.
    """
    chosen = (strategy or BatchStrategy()).with_choices(preference, max_wait_time)
    options = FleetOptions(
        strategy=chosen,
        cap=max_cost_usd,
        simulate=simulate,
        rebuild=rebuild,
        out=out,
        approve_config=approve_config,
        wait=wait,
        poll_seconds=poll_seconds,
        sites_per_run=sites_per_run,
    )
    quiet_prefect()
    try:
        report = _build(FoundBriefs(sites, []) if sites else find_briefs([briefs]), options)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's state says it without a secret
        return failed_by(error)
    if report.is_complete:
        return Completed(message=headline(report), data=report.outcomes)
    return Failed(name="Incomplete", message=headline(report), data=report.outcomes)


def _build(found: FoundBriefs, options: FleetOptions) -> FleetReport:
    all_at_once(require_storage, *places(current_settings(), options.out))
    fleet = flow_run.id or ""
    wait_for_parts(fleet)
    outcomes = {fault.source: _refused(fault.source, fault) for fault in found.faulty}
    plans = _plans(found.briefs, options, outcomes)
    members: list[Member] = []
    batches = 0
    if options.approve_config:
        outcomes |= _start_one_by_one(plans, options)
    elif plans:
        needs = frozenset(need for plan in plans for need in plan.needs)
        with provider_for(simulate=options.simulate, needs=needs) as provider:
            sending = sending_for(options.strategy, provider, options.wait, options.poll_seconds, fresh=False)
            tell(RoutesChosen(routes=list(plans[0].routes.values()), simulated=provider.simulated))
            members = [Member(desk_for(sending, plan, options.cap)) for plan in plans]
            batches = configure_all(members, sending)
            batches += answer_together(members, Member.other_calls, sending)
        outcomes |= {one.brief.slug: _failed(one) for one in members if one.failure}
        _build_sites([one.brief for one in members if not one.failure], options)
    outcomes |= _outcomes_of_runs(fleet)
    report = _report(plans, outcomes, members, batches)
    _publish(report)
    return report


def _plans(briefs: list[SiteBrief], options: FleetOptions, outcomes: dict[str, SiteOutcome]) -> list[Plan]:
    """A plan for each site to build; the outcome of each other site goes into `outcomes`."""
    settings, now, lessons = current_settings(), datetime.now(UTC), lessons_for(options.simulate)
    suspended, identity = suspended_names("build-site"), expected_identity(settings, simulate=options.simulate)
    plans = []
    for brief in briefs:
        slug = brief.slug
        try:
            plan = make_plan(brief, options.strategy, settings, now, lessons, simulate=options.simulate)
            plan.stay_within(options.cap)
            check_existing(options.out, brief, simulated=options.simulate)
        except Refused as refused:
            outcomes[slug] = _refused(slug, refused)
            continue
        mark = made_from(plan, options.strategy, identity)
        if f"{SITE_RUN}{slug}" in suspended:
            outcomes[slug] = _waiting(slug, "a run of this site is suspended and continues on its own")
        elif not options.rebuild and is_up_to_date(options.out, slug, mark):
            outcomes[slug] = SiteOutcome(site=slug, outcome=Outcome.UNCHANGED)
        else:
            plans.append(plan)
    get_run_logger().info("Building %d of %d sites", len(plans), len(briefs))
    return plans


def _refused(site: str, reason: Refused) -> SiteOutcome:
    return SiteOutcome(site=site, outcome=Outcome.REFUSED, message=str(reason))


def _failed(member: Member) -> SiteOutcome:
    return SiteOutcome(site=member.brief.slug, outcome=Outcome.FAILED, message=member.failure)


def _start_one_by_one(plans: list[Plan], options: FleetOptions) -> dict[str, SiteOutcome]:
    """Start a separate run for each site, which waits for approval on its own."""
    require_approval_possible()
    fleet = flow_run.id or ""
    # A number, as the deployment's form expects.
    cap = float(options.cap) if options.cap is not None else None
    told = {**options.of_site, "max_cost_usd": cap, "approve_config": True, "wait": options.wait}
    begun = {run.parameters["brief"]["slug"] for run in runs_of_fleet(fleet, "build-site")}
    briefs = [plan.order.brief for plan in plans]
    for brief in briefs:
        if brief.slug not in begun:
            start_site(fleet, {"brief": brief, **told})
    return {brief.slug: _waiting(brief.slug, "its own run asks for approval") for brief in briefs}


def _waiting(site: str, message: str) -> SiteOutcome:
    return SiteOutcome(site=site, outcome=Outcome.WAITING, message=message)


def _build_sites(briefs: list[SiteBrief], options: FleetOptions) -> None:
    """Images, unanswered calls and delivery: in parts on the work pool, or in this process."""
    fleet = flow_run.id or ""
    parts = [briefs[at : at + options.sites_per_run] for at in range(0, len(briefs), options.sites_per_run)]
    reason = why_in_this_process(simulate=options.simulate, parts=len(parts))
    if reason:
        get_run_logger().info("Building the sites in this process: %s", reason)
        build_each(briefs, fleet, **options.of_site)
        return
    for part in parts:
        start_part(fleet, {"briefs": part, **options.of_site})
    get_run_logger().info("Started %d runs on the work pool to build %d sites", len(parts), len(briefs))
    wait_for_parts(fleet)


def _outcomes_of_runs(fleet: str) -> dict[str, SiteOutcome]:
    """The outcomes of the sites' own runs, by slug; if a site has several runs, the last counts."""
    return {
        run.name.removeprefix(SITE_RUN): _outcome(run)
        for run in runs_of_fleet(fleet, "build-site")
        if run.name.startswith(SITE_RUN)
    }


def _outcome(run: FlowRun) -> SiteOutcome:
    state = run.state
    is_open = state is None or not state.is_final()
    outcome = Outcome.WAITING if is_open else ENDED_AS.get(run.state_name or "", Outcome.FAILED)
    message = "its run continues on its own" if is_open else state.message if state else ""
    return SiteOutcome(site=run.name.removeprefix(SITE_RUN), outcome=outcome, message=message or "")


def _report(plans: list[Plan], outcomes: dict[str, SiteOutcome], members: list[Member], batches: int) -> FleetReport:
    forecasts = {plan.order.brief.slug: plan.forecast.total for plan in plans}
    known = [one.model_copy(update={"forecast": forecasts.get(one.site)}) for one in outcomes.values()]
    unheard = [
        SiteOutcome(site=slug, outcome=Outcome.FAILED, message="its run never started", forecast=forecast)
        for slug, forecast in forecasts.items()
        if slug not in outcomes
    ]
    books = [one.desk.books for one in members]
    rows = (row for one in books for row in one.file.rows(budget=one.budget))
    return FleetReport(
        outcomes=sorted([*known, *unheard], key=lambda one: one.site),
        spent=spent_by_step(rows),
        batches=batches,
        simulated=any(one.origin.simulated for one in books),
    )


def _publish(report: FleetReport) -> None:
    publish_markdown("fleet", fleet_markdown(report), headline(report))
    publish_table("fleet-table", fleet_rows(report), "Each site and step, in USD, unrounded")
    today = datetime.now(UTC).date()
    publish_month(LedgerFile(current_settings().ledger_file), today.replace(day=1), simulated=report.simulated)
