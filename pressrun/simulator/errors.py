"""The provider's refusals, in the format that clients expect.

Invariant: whatever goes wrong, the body is `{"error": {message, type, param, code}}`, so a client never sees bare text
or a traceback.
"""

from typing import Any

__all__ = ["ApiError", "invalid_value", "missing", "not_simulated"]


class ApiError(Exception):
    """A refusal with an HTTP status; also the reason why one line of a batch fails."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body that OpenAI's clients expect."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def invalid_value(param: str, message: str, code: str = "invalid_value") -> ApiError:
    """A parameter has a value that the model or endpoint does not accept."""
    return ApiError(400, message, code=code, param=param)


def missing(param: str) -> ApiError:
    return ApiError(400, f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def not_simulated(param: str, what: str) -> ApiError:
    """OpenAI may accept this; the simulator refuses it instead of inventing a reply."""
    return ApiError(400, f"{what} is not simulated by the Pressrun simulator.", code="unsupported_value", param=param)
