"""`build-site`: steps 08, 09 and 10 for one site, with one merged batch and a cost report.

Read `_build` beside the drawing in ARCHITECTURE.md: it is the same picture, top to bottom.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from logging import WARNING
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.answering import produce
from flows.approval import APPROVE, ask_for_config, require_approval_possible
from flows.cancelling import cancel_batches
from flows.delivery import deliver_approved_site, deliver_site, finished_before, require_folder
from flows.desk import Desk, Options, Work, desk_for, sending_for
from flows.ending import failed_by
from flows.parameters import Choice, Usd, titled
from flows.review import review_images
from pressrun.brief import SiteBrief
from pressrun.bundle.placing import check_existing
from pressrun.calls import Call, StepName
from pressrun.costs.money import usd
from pressrun.durations import Duration
from pressrun.errors import StepFailed
from pressrun.gates import OnTimeout
from pressrun.plan import Plan, make_plan, model_warnings
from pressrun.planreport import describe_plan, say_plan
from pressrun.preflight import all_at_once, places
from pressrun.progress import Note, RoutesChosen, tell
from pressrun.result import BuildResult
from pressrun.routes.provider import Provider
from pressrun.settings import current_settings
from pressrun.site import Site
from pressrun.steps import CONFIG, IMAGES, PIPELINE, Order
from pressrun.steps.config import CONFIG_ITEM, SiteConfig
from pressrun.strategy import BatchStrategy, Preference
from pressrun.waiting import Wait
from tasks.access import provider_for
from tasks.alerts import Alert, alert
from tasks.books import lessons_for
from tasks.kept import require_storage
from tasks.logs import quiet_prefect, say_once
from tasks.reports import publish_markdown, tag_run
from tasks.runs import untagged_tasks

__all__ = ["RUNNER", "build_site", "calls_of", "configure"]

REAL_TIME_CALLS_AT_ONCE = 8
"""Threads of the task runner, which limits the real-time requests in flight."""
RUNNER: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=REAL_TIME_CALLS_AT_ONCE)


def _run_name() -> str:
    brief: Any = flow_run.parameters["brief"]
    return f"build-site / {brief['slug'] if isinstance(brief, dict) else brief.slug}"


@flow(
    name="build-site",
    flow_run_name=_run_name,
    result_serializer="json",
    task_runner=RUNNER,  # type: ignore[arg-type]  # Prefect declares its runners invariant
    on_cancellation=[cancel_batches],
)
def build_site(
    brief: Annotated[SiteBrief, titled("Brief")],
    simulate: Annotated[bool, titled("Simulate")] = False,
    max_cost_usd: Annotated[Usd | None, Choice("USD", "no cap"), titled("Cost cap")] = None,
    preference: Annotated[Preference | None, Choice("choose", "default"), titled("Preference")] = None,
    max_wait_time: Annotated[Duration | None, Choice("custom", "default"), titled("Maximum wait")] = None,
    approve_config: Annotated[bool, titled("Approve the configuration")] = False,
    approve_delivery: Annotated[bool, titled("Approve the finished site")] = False,
    approval_timeout: Annotated[Duration, titled("Approval timeout", default="7 days")] = timedelta(days=7),
    on_approval_timeout: Annotated[OnTimeout, titled("On approval timeout")] = OnTimeout.FAIL,
    wait: Annotated[Wait, titled("How to wait for batches")] = Wait.POLL,
    fresh: Annotated[bool, titled("Start fresh and pay again")] = False,
    out: Annotated[str, titled("Output folder")] = "sites",
    strategy: Annotated[BatchStrategy | None, Choice("custom", "default"), titled("Strategy")] = None,
    poll_seconds: Annotated[float, Field(gt=0, le=600), titled("First poll interval")] = 5.0,
) -> State[Any]:
    """Build one client's website: configuration, articles, images, descriptions, SEO meta tags, and a cost report.

    Ends as Completed when everything was generated, as Incomplete (a failure) when the bundle lacks something, and as
    Refused when nothing was spent. Running the same brief again reuses every answer that was already paid for.

    Args:
        brief: What the client said in the interview.
        simulate: A rehearsal: placeholder text and images, no cost, everything is marked SIMULATED.
        max_cost_usd: The most that the site may cost in US dollars across all its runs, above 0. A run with a higher
            forecast is refused. Calls that no longer fit under the cap are not sent, and their items are missing.
        preference: speed: everything in real time. balanced: text by batch (half the price, within hours), images in
            real time. cost: everything by batch where possible. Default: the strategy's preference (balanced).
        max_wait_time: How long to wait for a batch, such as 6h, 90m or 2 days, before falling back to real time at the
            full price. Default: the strategy's maximum wait (24 hours).
        approve_config: Ask for approval of the site's plan before anything else is paid for.
        approve_delivery: Ask for approval of the finished site's preview before it is delivered.
        approval_timeout: How long to wait for each approval, such as 7 days or 12h; at least 1 minute.
        on_approval_timeout: What happens when nobody decides in time. fail: the run fails. approve: the run continues
            as if approved (collect-batches must be scheduled), and the manifest says so.
        wait: poll: the run keeps its process while it waits for a batch. suspend: the process ends, and the deployment
            collect-batches resumes the run.
        fresh: Ignore everything that earlier runs of this brief have paid for.
        out: Where to put the site's folder: a folder, or a URL such as s3://bucket/sites, gs:// or az://.
        strategy: For experts: the policy for each step, and for calls that a batch leaves unanswered.
        poll_seconds: For experts: the first poll interval in seconds, above 0 and at most 600; later intervals grow.
    """
    chosen = (strategy or BatchStrategy()).with_choices(preference, max_wait_time)
    options = Options(
        max_cost_usd=max_cost_usd,
        simulate=simulate,
        fresh=fresh,
        out=out,
        wait=wait,
        poll_seconds=poll_seconds,
        approve_config=approve_config,
        approve_delivery=approve_delivery,
        approval_timeout=approval_timeout,
        on_approval_timeout=on_approval_timeout,
    )
    labels = [
        f"site:{brief.slug}",
        f"prefer:{chosen.preference}",
        *([f"client:{brief.client}"] if brief.client else []),
    ]
    quiet_prefect()
    tag_run(labels)
    with untagged_tasks():
        try:
            result = _build(brief, chosen, options)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run's state says it without a secret
            return failed_by(error)
    return _final_state(result)


def _build(brief: SiteBrief, strategy: BatchStrategy, options: Options) -> BuildResult:
    if options.approve_delivery and (finished := finished_before()):
        return deliver_approved_site(finished, options)
    settings = current_settings()
    all_at_once(require_storage, *places(settings, options.out))
    now = datetime.now(UTC)
    plan = make_plan(brief, strategy, settings, now, lessons_for(options.simulate), simulate=options.simulate)
    if options.approve_config or options.approve_delivery:
        require_approval_possible()
    if options.approve_delivery:
        require_folder(options.out)
    _announce(plan)
    _check_cap(plan, options.max_cost_usd)
    with provider_for(simulate=options.simulate, needs=plan.needs) as provider:
        check_existing(options.out, brief, simulated=provider.simulated)
        # The provider's own list may have shutdown dates that our table lacks.
        if warnings := model_warnings(plan.order, now.date(), provider.shutdowns):
            say_once(warnings, WARNING)
            alert(Alert.MODEL_RETIRING, f"site.{brief.slug}", " ".join(warnings))
        tell(RoutesChosen(routes=list(plan.routes.values()), simulated=provider.simulated))
        sending = sending_for(strategy, provider, options.wait, options.poll_seconds, options.fresh)
        desk, work = desk_for(sending, plan, options.max_cost_usd), Work()
        config = configure(plan.order, desk, work)
        if options.approve_config:
            config = _approved(config, desk, work, options)
        order = plan.order.model_copy(update={"config": config})
        produce(order, calls_of(order, strategy), desk, work)
        if strategy.refined_prompts:
            order = _with_refined_prompts(order, work)
            produce(order, IMAGES.calls(order), desk, work)
        if strategy.review_images:
            review_images(order, desk, work)
    site = _assemble(brief, config, work, provider)
    return deliver_site(site, desk, work, options)


def _check_cap(plan: Plan, cap: Decimal | None) -> None:
    plan.stay_within(cap)
    if cap is not None and cap < plan.forecast.high:
        tell(Note(text=f"The cap of {usd(cap)} is within the forecast's range, so some items may be missing"))


def _announce(plan: Plan) -> None:
    """Publish the route of each step, the reason, and the forecast."""
    say_once([say_plan(plan)])
    if plan.warnings:
        say_once(plan.warnings, WARNING)
    publish_markdown(
        f"forecast-{plan.order.brief.slug}", describe_plan(plan), "Routes and forecast, before anything is spent"
    )


def configure(order: Order, desk: Desk, work: Work) -> SiteConfig:
    """Step 08; everything else waits for it. Raises `StepFailed`."""
    produce(order, CONFIG.calls(order), desk, work)
    made = work.content[StepName.CONFIG].pop(CONFIG_ITEM, None)
    if isinstance(made, SiteConfig):
        return made
    raise StepFailed(
        f"The configuration of {order.brief.slug} could not be generated: {work.missing[-1].reason}. Nothing else was "
        "started. Run again to retry what failed."
    )


def _approved(config: SiteConfig, desk: Desk, work: Work, options: Options) -> SiteConfig:
    """The approved configuration: unchanged, edited, or a new version. Raises `Stopped`."""
    wishes: tuple[str, ...] = ()
    for version in count(1):
        decision, config = ask_for_config(config, version, options)
        work.decisions.append(decision)
        if decision.decision == APPROVE:
            return config
        wishes = (*wishes, decision.notes)
        config = configure(desk.plan.order.model_copy(update={"wishes": wishes}), desk, work)
    raise AssertionError("count never ends")


def calls_of(order: Order, strategy: BatchStrategy) -> list[Call]:
    """Everything the configuration orders; with refined prompts, the images wait for the descriptions."""
    later = [CONFIG, IMAGES] if strategy.refined_prompts else [CONFIG]
    return [call for step in PIPELINE if step not in later for call in step.calls(order)]


def _with_refined_prompts(order: Order, work: Work) -> Order:
    descriptions = work.content[StepName.DESCRIPTIONS]
    refined = {item: description.refined_prompt for item, description in descriptions.items()}
    return order.model_copy(update={"refined_prompts": refined})


def _assemble(brief: SiteBrief, config: Any, work: Work, provider: Provider) -> Site:
    return Site(
        brief=brief,
        config=config,
        articles=work.content[StepName.ARTICLES],
        images=work.content[StepName.IMAGES],
        descriptions=work.content[StepName.DESCRIPTIONS],
        seo=work.content[StepName.SEO],
        reviews=work.content[StepName.REVIEW],
        missing=work.missing,
        warnings=work.warnings,
        simulated=provider.simulated,
    )


def _final_state(result: BuildResult) -> State[Any]:
    mark = "SIMULATED: " if result.simulated else ""
    cost = f"cost {usd(result.cost_usd)}, real-time cost {usd(result.realtime_usd)}"
    where = f"preview {result.links.preview} · cost report {result.links.report} · {cost}"
    if result.complete:
        return Completed(message=f"{mark}Delivered · {where}", data=result)
    lacking = ", ".join(f"{item.step} {item.item}" for item in result.missing)
    again = "Run again to request only what is missing."
    message = f"{mark}Delivered incomplete · {where} · missing: {lacking}. {again}"
    alert(Alert.INCOMPLETE, f"site.{result.slug}", message)
    return Failed(name="Incomplete", message=message, data=result)
