"""The ledger of this installation, for those who only read it.

Invariant: looking at the ledger makes none, and changes nothing in it.
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
    """The ledger, which must be there already. Raises `Refused` when it is not, or cannot be read."""
    path = settings.ledger_file
    if not path.is_file():
        raise Refused(
            f"There is no ledger at {path}: no run of this installation has paid for a call yet, or it keeps its state "
            "elsewhere. Go to the folder where it runs, or set PRESSRUN_STATE_DIR."
        )
    try:
        yield LedgerFile(path)
    except sqlite3.Error as error:
        raise Refused(f"{path} cannot be read as a ledger ({error}). Nothing was changed in it.") from None
