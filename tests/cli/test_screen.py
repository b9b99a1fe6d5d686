from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

from rich.console import Console

from pressrun.calls import NOT_SENT, Call, MissingItem, Route, StepName
from pressrun.cli.plan_table import plan_table
from pressrun.cli.screen import Screen, summary
from pressrun.costs.money import usd
from pressrun.links import links_to
from pressrun.plan import make_plan
from pressrun.progress import BatchSeen, CallDone, Event, Note, RoutesChosen, StepStarted
from pressrun.result import BuildResult
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy
from tests.builders import a_brief
from tests.calls_builder import a_call, an_answer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FAR = datetime(2999, 1, 1, tzinfo=UTC)
"""A deadline that no test reaches."""

ROUTES = [BatchStrategy().resolve(step, "gpt-6-luna", batchable=True) for step in StepName]
CALLS = [a_call(f"article-{number:02d}") for number in (1, 2, 3)]


def a_screen(*, terminal: bool = False) -> Screen:
    """A screen on which every answer costs two cents."""
    console = Console(file=StringIO(), force_terminal=terminal, width=120, color_system=None)
    return Screen("harbour-bakery", console, cost=lambda _call, _answer: Decimal("0.02"))


def told(*events: Event, screen: Screen | None = None) -> str:
    """What a pipe is told of a story."""
    screen = screen or a_screen()
    for event in events:
        screen.see(event)
    assert isinstance(screen.console.file, StringIO)
    return screen.console.file.getvalue()


def drawn(*events: Event) -> str:
    """What a terminal shows at the end of a story."""
    screen = a_screen(terminal=True)
    assert told(*events, screen=screen) == "", "a terminal is drawn on, not written to"
    screen.console.print(screen)
    assert isinstance(screen.console.file, StringIO)
    return screen.console.file.getvalue()


def row(text: str, title: str) -> str:
    """The table's row of a step, with single spaces."""
    [line] = [line for line in text.splitlines() if line.startswith(title)]
    return " ".join(line.split())


def done(call: Call, *, reused: bool = False, **changes: object) -> CallDone:
    return CallDone(call=call, answer=an_answer(call, **changes), reused=reused)


def a_batch(status: str = "in_progress", completed: int = 1, failed: int = 0) -> BatchSeen:
    return BatchSeen(batch_id="batch_1", status=status, completed=completed, failed=failed, total=3, deadline=FAR)


CHOSEN = RoutesChosen(routes=ROUTES, simulated=True)
STARTED = StepStarted(step=StepName.ARTICLES, items=3)
EXPIRED = {"error": "the batch expired", "code": "batch_expired", "retryable": True}


def test_a_pipe_is_told_each_thing_once_and_in_order() -> None:
    story = [
        CHOSEN,
        STARTED,
        a_batch(completed=0),
        a_batch(completed=0),
        a_batch("completed", completed=2),
        *(done(call) for call in CALLS),
        Note(text="All is well"),
    ]
    lines = told(*story).splitlines()
    assert lines[0].startswith("SIMULATED: config realtime, articles batch, images realtime")
    assert lines[1] == "09 articles: 3 items"
    assert lines[2].startswith("batch batch_1: in_progress, 0 of 3 done; falls back to real time after ")
    assert lines[3:] == ["batch batch_1: completed, 2 of 3 done", "09 articles: 3 of 3 done", "All is well"]


def test_one_item_is_not_items_and_a_real_provider_is_not_simulated() -> None:
    text = told(RoutesChosen(routes=ROUTES, simulated=False), StepStarted(step=StepName.CONFIG, items=1))
    assert "SIMULATED" not in text
    assert "08 configuration: 1 item\n" in text


def test_before_the_routes_are_known_the_screen_says_what_the_run_does() -> None:
    screen = a_screen(terminal=True)
    screen.enter("starting Prefect")
    assert told(screen=screen) == "", "a terminal is drawn on, not written to"
    screen.console.print(screen)
    assert "starting Prefect" in told(screen=screen)


def test_a_pipe_is_told_each_phase_and_in_quiet_times_where_the_run_is() -> None:
    screen = a_screen()
    screen.enter("starting Prefect")
    screen.say_progress()
    assert told(screen=screen).splitlines() == ["starting Prefect", "0:00 starting Prefect"]
    told(CHOSEN, STARTED, a_batch(), done(CALLS[0]), screen=screen)
    screen.say_progress()
    last = told(screen=screen).splitlines()[-1]
    assert last.startswith("0:00 09 articles 1/3; batch in_progress, 1 of 3 done")
    told(a_batch("completed", completed=3), screen=screen)
    screen.say_progress()
    assert told(screen=screen).splitlines()[-1] == "0:00 09 articles 1/3"


def test_the_table_has_each_step_with_route_count_and_reason() -> None:
    text = drawn(CHOSEN, STARTED, done(CALLS[0]))
    assert row(text, "09 articles") == "09 articles batch 1/3 preference balanced: half the price, not urgent"
    assert row(text, "10 images ") == "10 images realtime - preference balanced: someone is waiting for it"
    assert "SIMULATED" in text.splitlines()[0]


def test_a_step_that_is_done_is_ticked() -> None:
    assert "3/3 ✓" in row(drawn(CHOSEN, STARTED, *(done(call) for call in CALLS)), "09 articles")


def test_a_batched_call_that_goes_on_in_real_time_is_counted_when_it_is_answered() -> None:
    unanswered = done(CALLS[0], route=Route.BATCH, **EXPIRED)
    assert "0/3" in row(drawn(CHOSEN, STARTED, unanswered), "09 articles")
    text = drawn(CHOSEN, STARTED, unanswered, done(CALLS[0]))
    assert "1/3" in row(text, "09 articles")
    assert "failed" not in text
    assert "$0.02" in text.splitlines()[0]


def test_failures_are_counted_apart() -> None:
    text = drawn(CHOSEN, STARTED, done(CALLS[0], error="refused", code="400"), done(CALLS[1]))
    assert "2/3 1 failed" in row(text, "09 articles")


def test_what_an_earlier_run_paid_for_is_counted_and_costs_nothing_now() -> None:
    text = drawn(CHOSEN, STARTED, done(CALLS[0], reused=True), done(CALLS[1], reused=True), done(CALLS[2]))
    assert "3/3 2 already paid" in row(text, "09 articles")
    assert "$0.02" in text.splitlines()[0]


def test_a_repair_is_paid_for_and_is_not_one_more_item_done() -> None:
    call = CALLS[0]
    repair = call.model_copy(update={"repairs": call.id})
    text = drawn(CHOSEN, STARTED, done(call), done(repair))
    assert "1/3" in row(text, "09 articles")
    assert "$0.04" in text.splitlines()[0]


def test_a_step_is_said_to_be_done_once_whatever_is_repaired_afterwards() -> None:
    repair = CALLS[2].model_copy(update={"repairs": CALLS[2].id})
    early = told(STARTED, done(CALLS[0]), done(CALLS[2]), done(repair))
    assert "done" not in early
    assert told(STARTED, *map(done, CALLS), done(repair)).count("09 articles: 3 of 3 done") == 1


def test_the_running_cost_adds_up() -> None:
    assert "$0.06" in drawn(CHOSEN, STARTED, *(done(call) for call in CALLS)).splitlines()[0]


def test_a_batch_is_shown_as_it_was_last_seen() -> None:
    text = drawn(CHOSEN, a_batch(completed=0), a_batch("completed", completed=2, failed=1))
    assert "batch batch_1: completed, 3 of 3 done, 1 failed" in text
    assert text.count("batch_1") == 1


def test_only_the_last_notes_stay_on_the_screen_and_a_pipe_has_them_all() -> None:
    notes = [Note(text=f"note {number}") for number in range(6)]
    assert [f"note {number}" in drawn(CHOSEN, *notes) for number in range(6)] == [False, False, *[True] * 4]
    assert told(*notes).split("\n")[:6] == [note.text for note in notes]


def test_markup_in_a_note_is_shown_as_it_is() -> None:
    note = Note(text="title [bold]Bread[/bold] and [/nothing] [link=https://x.example]x[/link]")
    assert note.text in drawn(CHOSEN, note)
    assert note.text in told(note)


def test_markup_in_a_title_or_a_reason_is_shown_as_it_is() -> None:
    routes = [ROUTES[1].model_copy(update={"reason": "[red]because[/red]"})]
    assert "[red]because[/red]" in drawn(RoutesChosen(routes=routes, simulated=False), STARTED)


def test_the_forecast_table_has_every_step_and_the_total() -> None:
    plan = make_plan(a_brief(), BatchStrategy(), Settings(_env_file=None, text_model="gpt-6-luna"), NOW)
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(plan_table(plan))
    text = console.file.getvalue()
    for line in plan.forecast.lines:
        assert usd(line.usd) in text
    assert usd(plan.forecast.total) in text
    assert "13 in 1" in text
    assert "…" not in text


def a_result(**changes: object) -> BuildResult:
    fields = {
        "slug": "harbour-bakery",
        "bundle": "/sites/harbour-bakery",
        "links": links_to("/sites/harbour-bakery", None),
        "complete": True,
        "missing": [],
        "warnings": 0,
        "cost_usd": Decimal("0.30"),
        "reused_usd": Decimal("0.00"),
        "realtime_usd": Decimal("0.50"),
        "simulated": False,
    }
    return BuildResult(**{**fields, **changes})


def last_words(width: int = 160, **changes: object) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(summary(a_result(**changes)), soft_wrap=True)
    text: str = console.file.getvalue()
    return text


def test_the_last_words_say_where_and_how_much() -> None:
    text = last_words()
    assert "harbour-bakery is complete" in text
    assert "/sites/harbour-bakery/preview/index.html" in text
    assert "$0.30 in this run" in text
    assert "$0.20 compared with $0.50 in real time" in text
    assert "missing" not in text


def test_nothing_of_the_last_words_is_cut_or_broken_where_there_is_little_room() -> None:
    bundle = f"/sites/{'a-very-long-folder/' * 10}harbour-bakery"
    reason = "the provider refused it for a reason that takes far more than eighty columns to say in full"
    item = MissingItem(step=StepName.IMAGES, item="image-02", reason=reason)
    lines = last_words(width=40, bundle=bundle, complete=False, missing=[item]).splitlines()
    assert f"bundle    {bundle}" in lines
    assert f"missing   images image-02: {reason}" in lines


def test_the_last_words_name_what_is_missing_and_what_to_do() -> None:
    item = MissingItem(step=StepName.IMAGES, item="image-02", reason="the provider refused [it]")
    text = last_words(complete=False, missing=[item])
    assert "harbour-bakery is INCOMPLETE" in text
    assert "images image-02: the provider refused [it]" in text
    assert "to request only what is missing" in text


def test_where_the_cap_had_no_room_the_last_words_say_to_raise_it() -> None:
    reason = f"{NOT_SENT}it may cost up to $0.02, and $0.09 of the cap of $0.10 is already spent or committed"
    text = last_words(complete=False, missing=[MissingItem(step=StepName.SEO, item="seo", reason=reason)])
    assert "raise --max-cost and run again" in text
    assert "run the same command" not in text


def test_what_earlier_runs_paid_for_is_told_apart_and_a_simulation_has_spent_nothing() -> None:
    assert "$0.20 in this run, $0.10 in earlier runs" in last_words(reused_usd=Decimal("0.10"))
    text = last_words(simulated=True)
    assert "SIMULATED" in text
    assert "nothing: SIMULATED; it would have been $0.30 in this run" in text


def test_a_cost_that_is_assumed_is_said_to_be() -> None:
    assert "up to $0.12 of it is unknown: calls without usable token counts" in last_words(unknown_usd=Decimal("0.12"))
    assert "unknown" not in last_words()


def test_a_batch_shows_how_long_it_should_take_at_its_pace_and_at_the_latest() -> None:
    now = datetime.now(UTC)
    seen = {"batch_id": "batch_1", "completed": 5, "failed": 0, "total": 20}
    deadline, expected = now + timedelta(hours=3), now + timedelta(hours=5, minutes=30)
    text = told(BatchSeen(**seen, status="in_progress", deadline=deadline, expected=expected))
    assert "in_progress, 5 of 20 done, about 5 hours left at this pace; falls back to real time after 3 h" in text


def test_a_pipe_is_told_of_a_batch_only_when_something_has_changed() -> None:
    about = {"batch_id": "batch_1", "status": "in_progress", "failed": 0, "total": 20, "deadline": FAR}
    looks = [(5, NOW), (5, NOW + timedelta(seconds=10)), (6, NOW)]
    text = told(*(BatchSeen(**about, completed=done, expected=expected) for done, expected in looks))
    assert [line.split(",")[1].strip() for line in text.splitlines()] == ["5 of 20 done", "6 of 20 done"]
