"""How an error ends a run.

Invariant: a run ends in a state that says what happened, what was kept and what to do next, without a secret, whatever
kind of error ended it.
"""

from typing import Any

import openai
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Failed

from pressrun.errors import PressrunError, Refused, Stopped
from pressrun.routes.failures import say_failure
from pressrun.untrusted import safe

__all__ = ["failed_by"]

KEPT = "Everything paid for is kept. Run again to continue from here."


def failed_by(error: Exception) -> State[Any]:
    """The state in which an error ends a run. Raises the error again when it is one of Prefect's, which it handles."""
    if isinstance(error, PrefectException):
        raise error
    if isinstance(error, PressrunError):
        name = next((kind.__name__ for kind in (Refused, Stopped) if isinstance(error, kind)), "Failed")
        return Failed(name=name, message=str(error))
    if isinstance(error, openai.OpenAIError):
        return Failed(message=safe(f"The provider failed ({say_failure(error)}). {KEPT}"))
    get_run_logger().error("An unexpected error", exc_info=error)
    return Failed(message=safe(f"An unexpected error ended the run ({type(error).__name__}: {error}). {KEPT}"))
