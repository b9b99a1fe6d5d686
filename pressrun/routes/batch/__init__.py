"""The batch route: submit, watch, harvest; one concern per file.

Invariant: nothing is paid for twice and nothing paid for is lost, whatever fails in between.
"""

from pressrun.routes.batch.adoption import shard_of
from pressrun.routes.batch.harvest import Harvested, answers_of, delete_files, harvest
from pressrun.routes.batch.polling import look_all, look_watched
from pressrun.routes.batch.queue import admitted, refusal_pause
from pressrun.routes.batch.retrying import may_help
from pressrun.routes.batch.submit import BatchTicket, Retention, adopt, find_batch, submit, ticket_of
from pressrun.routes.batch.view import TRANSIENT, BatchView, Problem, cancel, list_batches, look
from pressrun.routes.batch.watch import BatchWatch, Decision, Move, expected_finish

__all__ = [
    "TRANSIENT",
    "BatchTicket",
    "BatchView",
    "BatchWatch",
    "Decision",
    "Harvested",
    "Move",
    "Problem",
    "Retention",
    "admitted",
    "adopt",
    "answers_of",
    "cancel",
    "delete_files",
    "expected_finish",
    "find_batch",
    "harvest",
    "list_batches",
    "look",
    "look_all",
    "look_watched",
    "may_help",
    "refusal_pause",
    "shard_of",
    "submit",
    "ticket_of",
]
