"""POST /v1/chat/completions over real HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIStatusError, BadRequestError, OpenAI

from pressrun.simulator.tokens import count_tokens, first_tokens
from tests.simulator.driving import a_chat


def a_prompt(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_a_reply_has_the_shape_and_the_sums_of_the_real_one(client: OpenAI) -> None:
    reply = client.chat.completions.create(**a_chat())
    assert reply.id.startswith("chatcmpl-")
    assert (reply.model, reply.service_tier) == ("gpt-6-luna", "default")
    (choice,) = reply.choices
    assert (choice.finish_reason, choice.message.role, choice.message.refusal) == ("stop", "assistant", None)
    assert choice.message.content
    usage = reply.usage
    assert usage is not None and usage.completion_tokens_details is not None and usage.prompt_tokens_details is not None
    reasoning = usage.completion_tokens_details.reasoning_tokens
    assert reasoning is not None and reasoning > 0
    assert usage.completion_tokens == reasoning + count_tokens(choice.message.content)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_the_same_question_gets_the_same_answer(client: OpenAI) -> None:
    first, second = (client.chat.completions.create(**a_chat()) for _ in range(2))
    assert first.choices == second.choices


def test_reasoning_grows_with_the_effort_and_ends_at_none(client: OpenAI) -> None:
    spent = []
    for effort in ("none", "low", "high", "max"):
        usage = client.chat.completions.create(**a_chat(reasoning_effort=effort)).usage
        assert usage is not None and usage.completion_tokens_details is not None
        spent.append(usage.completion_tokens_details.reasoning_tokens or 0)
    assert spent[0] == 0
    assert spent == sorted(spent) and spent[1] < spent[3]


def test_a_reply_that_does_not_fit_is_cut_off(client: OpenAI) -> None:
    reply = client.chat.completions.create(**a_chat(reasoning_effort="none", max_completion_tokens=2))
    (choice,) = reply.choices
    assert choice.finish_reason == "length"
    assert count_tokens(choice.message.content or "") == 2
    assert reply.usage is not None and reply.usage.completion_tokens == 2


@given(st.text(), st.integers(0, 50))
def test_cutting_off_keeps_the_longest_beginning_that_fits(text: str, limit: int) -> None:
    kept = first_tokens(text, limit)
    assert text.startswith(kept)
    assert count_tokens(kept) <= limit
    assert kept == text or count_tokens(text[: len(kept) + 1]) > limit


def test_reasoning_alone_can_use_up_the_limit(client: OpenAI) -> None:
    reply = client.chat.completions.create(**a_chat(reasoning_effort="high", max_completion_tokens=16))
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("", "length")
    assert reply.usage is not None and reply.usage.completion_tokens_details is not None
    assert reply.usage.completion_tokens_details.reasoning_tokens == reply.usage.completion_tokens == 16


def test_a_long_common_beginning_is_cached_in_steps_for_the_same_model_only(client: OpenAI) -> None:
    brief = "A bakery at the quay that is known for its sourdough. " * 100

    def details(model: str, question: str) -> tuple[int | None, int | None]:
        reply = client.chat.completions.create(**a_chat(model=model, messages=a_prompt(brief + question)))
        assert reply.usage is not None and reply.usage.prompt_tokens_details is not None
        return reply.usage.prompt_tokens_details.cached_tokens, reply.usage.prompt_tokens_details.cache_write_tokens

    assert count_tokens(brief) == 1350
    assert details("gpt-6-luna", "What is its name?") == (0, 1280)
    assert details("gpt-6-luna", "When is it open?") == (1280, 0)
    assert details("gpt-6-sol", "When is it open?") == (0, 1280)


def test_a_short_prompt_is_never_cached(client: OpenAI) -> None:
    body = a_chat(messages=a_prompt("x" * 4000))
    for _ in range(2):
        usage = client.chat.completions.create(**body).usage
        assert usage is not None and usage.prompt_tokens_details is not None
        assert usage.prompt_tokens_details.cached_tokens == 0


def test_n_choices_cost_the_output_of_them_all(client: OpenAI) -> None:
    reply = client.chat.completions.create(**a_chat(n=3, reasoning_effort="none"))
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert reply.usage is not None
    assert reply.usage.completion_tokens == sum(count_tokens(str(choice.message.content)) for choice in reply.choices)


@pytest.mark.parametrize(
    ("asked", "served"), [("auto", "default"), ("flex", "flex"), ("priority", "priority"), ("fast", "priority")]
)
def test_the_tier_that_served_is_told(client: OpenAI, asked: str, served: str) -> None:
    assert client.chat.completions.create(**a_chat(service_tier=asked)).service_tier == served


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"max_tokens": 100}, "max_tokens", "unsupported_parameter"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": 128_001}, "max_completion_tokens", "integer_above_max_value"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens", "invalid_type"),
        ({"max_completion_tokens": True}, "max_completion_tokens", "invalid_type"),
        ({"temperature": 0.7}, "temperature", "unsupported_value"),
        ({"temperature": 3, "reasoning_effort": "none"}, "temperature", "integer_above_max_value"),
        ({"top_p": 0.5}, "top_p", "unsupported_value"),
        ({"presence_penalty": 1}, "presence_penalty", "unsupported_value"),
        ({"temperature": 0.7, "reasoning_effort": "none", "model": "gpt-5.4"}, "temperature", "unsupported_value"),
        ({"reasoning_effort": "minimal"}, "reasoning_effort", "unsupported_value"),
        ({"reasoning_effort": "none", "model": "gpt-6.1-sol"}, "reasoning_effort", "unsupported_value"),
        ({"reasoning_effort": "max", "model": "gpt-5.4-mini"}, "reasoning_effort", "unsupported_value"),
        ({"service_tier": "slow"}, "service_tier", "invalid_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"verbosity": "verbose"}, "verbosity", "invalid_value"),
        ({"stop": "x"}, "stop", "unsupported_parameter"),
        ({"stream": True}, "stream", "unsupported_value"),
        ({"tools": []}, "tools", "unsupported_value"),
        ({"metadata": {"a": "b"}}, "metadata", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "messages", None),
        ({"response_format": {"type": "xml"}}, "response_format.type", None),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": "gpt-image-2"}, "model", "invalid_value"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_type"),
        ({"messages": [{"role": "oracle", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood", "unknown_parameter"),
    ],
)
def test_what_openai_would_refuse_is_refused(
    client: OpenAI, changes: dict[str, object], param: str, code: str | None
) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.post("/chat/completions", cast_to=object, body=a_chat(**changes))
    assert (refusal.value.param, refusal.value.code) == (param, code)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 1, "top_p": 1, "presence_penalty": 0},
        {"temperature": 0.2, "reasoning_effort": "none"},
        {"metadata": {"a": "b"}, "store": True},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
        {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello"}]},
        {"verbosity": "low", "seed": 7, "safety_identifier": "someone", "prompt_cache_key": "site"},
    ],
)
def test_what_openai_takes_is_answered(client: OpenAI, changes: dict[str, object]) -> None:
    assert client.chat.completions.create(**a_chat(**changes)).choices


@pytest.mark.parametrize("model", ["gpt-unknown", "gpt-4.1-nano"])
def test_an_unknown_or_retired_model_is_not_found(client: OpenAI, model: str) -> None:
    with pytest.raises(APIStatusError) as refusal:
        client.chat.completions.create(**a_chat(model=model))
    assert (refusal.value.status_code, refusal.value.code) == (404, "model_not_found")
