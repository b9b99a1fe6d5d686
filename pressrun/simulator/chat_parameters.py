"""What POST /v1/chat/completions accepts, by model.

Invariant: OpenAI accepts every body that passes; a parameter that OpenAI knows but the simulator does not support is
refused by name, never ignored. Source: SDK openai 3.54.0; live tests in models.dev issue 6639.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pressrun.simulator import fields
from pressrun.simulator.content_parts import check_content, content_texts
from pressrun.simulator.errors import ApiError, invalid_value, missing, not_simulated
from pressrun.simulator.json_schemas import check_response_format
from pressrun.simulator.models import Model, find_model, require_kind

__all__ = ["check_chat", "effort_of", "tier_of"]

ANSWERED = frozenset(
    [
        "frequency_penalty",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "n",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "temperature",
        "top_p",
        "user",
        "verbosity",
    ]
)
NOT_SIMULATED = frozenset(
    [
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "modalities",
        "moderation",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_options",
        "prompt_cache_retention",
        "stream_options",
        "tool_choice",
        "tools",
        "top_logprobs",
        "web_search_options",
    ]
)
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


def check_chat(body: Mapping[str, Any], day: date) -> Model:
    """The requested model. Raises `ApiError` when OpenAI would refuse the body."""
    fields.refuse_unknown(body, ANSWERED | NOT_SIMULATED)
    model = find_model(fields.required_text(body, "model"), day)
    require_kind(model, "text")
    for name in sorted(NOT_SIMULATED & set(body)):
        raise not_simulated(name, f"The parameter '{name}'")
    _check_messages(body)
    _check_reasoning(body, model)
    _check_sampling(body, model)
    _check_limit(body, model)
    _check_tier(body, model)
    _check_rest(body, model)
    return model


def effort_of(body: Mapping[str, Any], model: Model) -> str | None:
    """The reasoning effort of the reply; None for a model that does not reason."""
    return body.get("reasoning_effort") or model.default_effort


def tier_of(body: Mapping[str, Any]) -> str:
    """The tier that serves a validated body: `fast` is served as `priority`, and unspecified tiers as `default`."""
    asked = body.get("service_tier")
    return {"fast": "priority", "priority": "priority", "flex": "flex"}.get(str(asked), "default")


def _check_messages(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid_value("messages", "Invalid 'messages': expected a non-empty array.", code="invalid_type")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")


def _check_message(message: Any, where: str) -> None:
    if not isinstance(message, dict):
        raise invalid_value(where, f"Invalid type for '{where}': expected an object.", code="invalid_type")
    if message.get("role") is None:
        raise missing(f"{where}.role")
    fields.choice(message, "role", ("developer", "system", "user", "assistant"), param=f"{where}.role")
    for name in sorted(set(message) - {"role", "content", "name"}):
        raise invalid_value(f"{where}.{name}", f"Unknown parameter: '{where}.{name}'.", code="unknown_parameter")
    check_content(message, where)


def _check_reasoning(body: Mapping[str, Any], model: Model) -> None:
    effort = body.get("reasoning_effort")
    if effort is None:
        return
    if not model.efforts:
        raise ApiError(400, "Unrecognized request argument supplied: reasoning_effort", param="reasoning_effort")
    if effort not in model.efforts:
        options = ", ".join(f"'{option}'" for option in model.efforts)
        message = f"'reasoning_effort' does not support '{effort}' with {model.id}. Supported values are: {options}."
        raise _unsupported_value("reasoning_effort", message)


def _check_sampling(body: Mapping[str, Any], model: Model) -> None:
    ranges = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}
    given = {name: fields.number(body, name, low, high) for name, (low, high) in ranges.items()}
    free = model.temperature == "any" or (model.temperature == "no_effort_only" and effort_of(body, model) == "none")
    if free:
        return
    for name, value in given.items():
        default = 0 if name.endswith("penalty") else 1
        if value not in (None, default):
            message = f"'{name}' does not support {value} with this model. Only the default ({default}) is supported."
            raise _unsupported_value(name, f"Unsupported value: {message}")


def _check_limit(body: Mapping[str, Any], model: Model) -> None:
    if body.get("max_tokens") is not None and model.efforts:
        raise ApiError(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise invalid_value("max_tokens", "Setting 'max_tokens' and 'max_completion_tokens' both is not supported.")
    for name in ("max_tokens", "max_completion_tokens"):
        fields.integer(body, name, 1, model.max_output_tokens)


def _check_tier(body: Mapping[str, Any], model: Model) -> None:
    fields.choice(body, "service_tier", TIERS)
    if tier_of(body) not in model.tiers:
        raise invalid_value("service_tier", f"Invalid service_tier argument: not available for {model.id}.")


def _check_rest(body: Mapping[str, Any], model: Model) -> None:
    fields.integer(body, "n", 1, 128)
    fields.integer(body, "seed", -(2**63), 2**63 - 1)
    fields.text(body, "user")
    fields.text(body, "prompt_cache_key")
    fields.text(body, "safety_identifier", longest=128)
    fields.choice(body, "verbosity", ("low", "medium", "high"))
    if fields.flag(body, "stream"):
        raise not_simulated("stream", "Streaming")
    if fields.text_pairs(body, "metadata") and not fields.flag(body, "store"):
        raise invalid_value("metadata", "The 'metadata' parameter is only allowed when 'store' is enabled.")
    if body.get("stop") is not None:
        raise _stop_fault(model)
    if body.get("response_format") is not None:
        check_response_format(body["response_format"])
        _check_json_is_named(body)


def _stop_fault(model: Model) -> ApiError:
    if not model.efforts:
        return not_simulated("stop", "The parameter 'stop'")
    message = "Unsupported parameter: 'stop' is not supported with this model."
    return ApiError(400, message, code="unsupported_parameter", param="stop")


def _check_json_is_named(body: Mapping[str, Any]) -> None:
    texts = [text for message in body["messages"] for text in content_texts(message)]
    if body["response_format"]["type"] == "json_object" and "json" not in "".join(texts).lower():
        message = "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'."
        raise ApiError(400, message, param="messages")


def _unsupported_value(param: str, message: str) -> ApiError:
    return ApiError(400, message, code="unsupported_value", param=param)
