"""The log of a run: what a person needs, once.

Invariant: what was logged before a run was suspended or killed is not logged again when it continues. No secret and no
control character reaches the log, tracebacks included.
"""

import logging
import traceback

from prefect import get_run_logger, task

from pressrun.progress import Note, tell
from pressrun.untrusted import safe
from tasks.keys import once_per_run

__all__ = ["quiet_prefect", "say", "say_once"]


def quiet_prefect() -> None:
    """Suppress Prefect's log lines for finished tasks, and for suspensions, which runs report themselves.

    From here on, what is logged is redacted: Prefect logs the exceptions of tasks as they are.
    """
    # Python adds the same filter only once.
    for name in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(name).addFilter(_is_news)
        logging.getLogger(name).addFilter(_redact)


def _is_news(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    ends = record.name == "prefect.task_runs" and said.startswith("Finished in state ")
    return record.levelno > logging.INFO or not (ends or said.startswith("Suspending flow run, "))


def _redact(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[0]:
        # Formatters add this text as it is.
        record.exc_text = safe("".join(traceback.format_exception(*record.exc_info)))
        record.exc_info = None
    record.msg, record.args = safe(record.getMessage()), None
    return True


@task(name="say", task_run_name="say", persist_result=True, result_serializer="json", cache_key_fn=once_per_run)
def say_once(lines: list[str], level: int = logging.INFO) -> int:
    """Write lines to the run's log, once per run; returns how many."""
    for line in lines:
        get_run_logger().log(level, line)
    return len(lines)


def say(text: str) -> None:
    """Report to the run's log and to listeners in this process."""
    say_once([text], logging.WARNING)
    tell(Note(text=text))
