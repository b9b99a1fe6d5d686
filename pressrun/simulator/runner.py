"""The thread that processes batches.

Invariant: finished work is stored before anything else begins, so that a server killed at any moment loses at most the
lines it was answering, and then answers them again with the same result.
"""

import logging
import threading
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic, time
from typing import Any

from pressrun.simulator.answers import CHAT, answer_line
from pressrun.simulator.batch_lines import (
    MISWRITTEN,
    clear_lines,
    error_lines,
    keep_answer,
    keep_lines,
    output_lines,
    pending_lines,
)
from pressrun.simulator.batches import Batch, Batches
from pressrun.simulator.bill import Bill
from pressrun.simulator.course import Action, decide
from pressrun.simulator.database import Database
from pressrun.simulator.errors import ApiError
from pressrun.simulator.faults import Faults, spoiled
from pressrun.simulator.files import Files
from pressrun.simulator.input_file import Findings, Line, inspect, read_lines
from pressrun.simulator.prompt_cache import PromptCache

__all__ = ["Runner"]

SLICE = 0.05
"""Seconds after which a batch with many lines yields to the next one."""
MOST_LINES = 64
"""Lines of one batch that are answered per turn."""
SHORTEST_WAIT, LONGEST_WAIT = 0.005, 60.0
"""Seconds between checks of the batches when nothing is due."""
RECOVERY = 1.0
"""Seconds to wait after an unexpected failure before trying again."""

log = logging.getLogger(__name__)


class Runner(threading.Thread):
    """Processes the live batches in turn; `nudge` it when there is something new, `stop` it at the end."""

    def __init__(
        self, database: Database, files: Files, batches: Batches, cache: PromptCache, faults: Faults, bill: Bill
    ) -> None:
        super().__init__(name="simulator-batches", daemon=True)
        self._database = database
        self._files = files
        self._batches = batches
        self._cache = cache
        self._faults = faults
        self._bill = bill
        self._news = threading.Event()
        self._stopping = threading.Event()

    def nudge(self) -> None:
        self._news.set()

    def stop(self) -> None:
        """Return when the current line is done."""
        self._stopping.set()
        self._news.set()
        self.join()

    def run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                wait = self._advance_all()
            except Exception:
                log.exception("The simulator failed on a batch; it retries in %s s.", RECOVERY)
                wait = RECOVERY
            self._news.wait(wait)

    def _advance_all(self) -> float:
        """Give every live batch its turn; returns for how many seconds there is nothing to do."""
        turns = [self._advance(batch) for batch in self._batches.live() if not self._stopping.is_set()]
        wait = min(turns, default=time() + LONGEST_WAIT) - time()
        return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT) if wait > 0 else 0

    def _advance(self, batch: Batch) -> float:
        """Make the next move for one batch; returns when (Unix seconds) to check it again."""
        decision = decide(batch, time())
        if decision.action is Action.WAIT:
            return decision.until
        if decision.action is Action.INSPECT:
            self._inspect(batch)
        elif decision.action is Action.EXECUTE:
            self._execute(batch, decision.count)
        elif decision.action is Action.CONCLUDE:
            self._conclude(batch, decision.status)
        else:
            self._enter(batch, decision.status)
        return time()

    def _inspect(self, batch: Batch) -> None:
        path = self._files.path(batch.input_file_id)
        try:
            findings = inspect(path, batch.endpoint, datetime.now(UTC).date())
            if batch.fault.code:
                findings.problems = []
                findings.report(batch.fault.line, batch.fault.code, batch.fault.message)
            if not findings.problems:
                keep_lines(self._database, batch.id, read_lines(path))
        except FileNotFoundError:
            findings = Findings()
            findings.report(None, "invalid_request", f"The input file {batch.input_file_id} was deleted.")
        with self._database.transaction() as connection:
            batch = self._batches.get(batch.id)
            batch.inspected = True
            batch.problems = findings.problems
            batch.model = findings.model
            batch.total = 0 if findings.problems else findings.total
            self._batches.save(connection, batch)

    def _execute(self, batch: Batch, count: int) -> None:
        """Answer lines for about `SLICE` seconds, and store the answers."""
        begun = monotonic()
        answers = []
        for line in pending_lines(self._database, batch.id, min(count, MOST_LINES)):
            answers.append(self._answer(batch, line))
            if monotonic() - begun > SLICE or self._stopping.is_set():
                break
        with self._database.transaction() as connection:
            batch = self._batches.get(batch.id)
            for line, status, reply, fault in answers:
                keep_answer(connection, batch.id, line, status, reply, fault)
                batch.completed += status == 200
                batch.failed += status != 200
                batch.spent.add(reply.get("usage", {}))
            self._batches.save(connection, batch)

    def _answer(self, batch: Batch, line: Line) -> tuple[Line, int, dict[str, Any], str | None]:
        """One line's status and reply, and the fault to apply when it is written to a file."""
        fault = self._faults.of_line(line.custom_id, is_chat=batch.endpoint == CHAT)
        if fault and fault.do == "error":
            return line, fault.status, ApiError(fault.status, "A fault of the script.", code=fault.code).body, None
        status, reply = answer_line(batch.endpoint, line.body, self._cache)
        if status == 200:
            self._bill.add(str(line.body["model"]), reply, batch=True)
        if fault is None or status != 200:
            return line, status, reply, None
        if fault.do in MISWRITTEN:
            return line, status, reply, fault.do
        return line, status, spoiled(reply, fault), None

    def _enter(self, batch: Batch, status: str) -> None:
        with self._database.transaction() as connection:
            current = self._batches.get(batch.id)
            if current.cancelled == batch.cancelled:
                current.enter(status, time())
                self._batches.save(connection, current)

    def _conclude(self, batch: Batch, status: str) -> None:
        """Write the files and end the batch, unless it was cancelled while they were being written."""
        has_output = batch.completed > 0
        has_errors = batch.done < batch.total or batch.failed > 0
        output_id = f"file-{sha256(f'{batch.id} output'.encode()).hexdigest()[:22]}"
        error_id = f"file-{sha256(f'{batch.id} error'.encode()).hexdigest()[:22]}"
        if has_output:
            self._files.write(output_id, output_lines(self._database, batch))
        if has_errors:
            self._files.write(error_id, error_lines(self._database, batch, status))
        with self._database.transaction() as connection:
            current = self._batches.get(batch.id)
            if current.cancelled != batch.cancelled:
                return
            lifetime = batch.output_lifetime
            if has_output:
                self._files.register(connection, output_id, f"{batch.id}_output.jsonl", "batch_output", lifetime)
                current.output_file_id = output_id
            if has_errors:
                self._files.register(connection, error_id, f"{batch.id}_error.jsonl", "batch_output", lifetime)
                current.error_file_id = error_id
            clear_lines(connection, batch.id)
            current.enter(status, time())
            self._batches.save(connection, current, live=False)
