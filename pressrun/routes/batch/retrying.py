"""Whether it can help to do a step of a batch again."""

import openai

from pressrun.errors import BatchLost, BatchRejected, ProviderUnfit
from pressrun.routes.failures import needs_payment

__all__ = ["may_help"]

FOR_GOOD = (openai.AuthenticationError, openai.PermissionDeniedError, BatchLost, BatchRejected, ProviderUnfit)


def may_help(failure: object) -> bool:
    """Whether another attempt can help: not when the provider has refused for a reason that stays."""
    if isinstance(failure, openai.APIStatusError) and needs_payment(failure):
        return False
    return not isinstance(failure, FOR_GOOD)
