"""Read-only access to the ledger of this installation.

Invariant: reading never creates a ledger and never changes one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pressrun.costs.ledgerfile import LedgerFile
from pressrun.errors import Refused
from pressrun.settings import Settings

__all__ = ["ledger_to_read"]


@contextmanager
def ledger_to_read(settings: Settings) -> Iterator[LedgerFile]:
    """The existing ledger. Raises `Refused` when there is none, or when it cannot be read."""
    path = settings.ledger_file
    if not path.is_file():
        raise Refused(
            f"There is no ledger at {path}: no run of this installation has paid for a call yet, or its state is "
            "stored elsewhere. Change to the folder where it runs, or set PRESSRUN_STATE_DIR."
        )
    try:
        yield LedgerFile(path)
    except sqlite3.Error as error:
        raise Refused(f"{path} cannot be read as a ledger ({error}). It was not changed.") from None
