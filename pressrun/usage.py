"""The tokens that a reply used, as the provider reports them, in every spelling that servers have for it.

Invariant: no figure is lower than what the provider says, and none is larger than a request can use. Figures that are
missing, zero, fractional or in disagreement make the usage unknown; whoever counts money then counts the most that the
request can have used.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from pydantic import NonNegativeInt

from pressrun.frozen import Frozen
from pressrun.wire import amount, mapping

__all__ = ["BELIEVABLE", "Reported", "Usage", "read_usage"]

BELIEVABLE = 10**7
"""The most tokens of one request that are believed: the largest published context window has ten million."""


class Usage(Frozen):
    """The token usage that the provider reports for one reply.

    `input` and `output` are totals; the others are parts of them, as in OpenAI's usage object: `cached`,
    `cache_written` and `input_image` are part of `input`; `reasoning` and `output_image` are part of `output`.
    """

    input: NonNegativeInt = 0
    cached: NonNegativeInt = 0
    cache_written: NonNegativeInt = 0
    input_image: NonNegativeInt = 0
    output: NonNegativeInt = 0
    reasoning: NonNegativeInt = 0
    output_image: NonNegativeInt = 0

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Self:
        """Read `usage` from a Chat Completions or Images reply; zero for a reply without it."""
        return cls(**dict(read_usage(body).usage))

    def at_least(self, other: Self) -> Self:
        """The larger of each figure, without a discount for cached input."""
        larger = {name: max(getattr(self, name), getattr(other, name)) for name in type(self).model_fields}
        return type(self)(**larger | {"cached": 0})


class Reported(NamedTuple):
    """What a provider says was used, and whether its figures are complete and agree."""

    usage: Usage
    is_known: bool


@dataclass
class Reader:
    """Reads figures of one usage object, and remembers whether one of them was odd."""

    is_known: bool = True

    def most(self, *places: tuple[dict[str, Any], str]) -> int:
        """The largest of the figures at these places (an object and a name), rounded up; 0 when there is none."""
        found = [self._tokens(where[name]) for where, name in places if where.get(name) is not None]
        return max(found, default=0)

    def _tokens(self, value: Any) -> int:
        number = amount(value)
        if number is None or number > BELIEVABLE:
            self.is_known = False
            return 0
        if number != math.floor(number):
            self.is_known = False
        return math.ceil(number)

    def part(self, figure: int, whole: int) -> int:
        """A part of a total; a part that exceeds its total tells nothing."""
        if figure > whole:
            self.is_known = False
            return 0
        return figure


def read_usage(body: dict[str, Any]) -> Reported:
    """Read `usage` of a Chat Completions or Images reply. Never fails.

    Chat uses `prompt_tokens` and `completion_tokens`, Images uses `input_tokens` and `output_tokens`; gateways such as
    LiteLLM send both, one of them as zeros (BerriAI/litellm). xAI counts reasoning beside the completion (docs.x.ai,
    "Reasoning"), DeepSeek has its cached tokens beside the total (api-docs.deepseek.com, "Context Caching").
    """
    told, reader = mapping(body.get("usage")), Reader()
    into = mapping(told.get("prompt_tokens_details")) | mapping(told.get("input_tokens_details"))
    out = mapping(told.get("completion_tokens_details")) | mapping(told.get("output_tokens_details"))
    total = reader.most((told, "total_tokens"))
    read = reader.most((told, "prompt_tokens"), (told, "input_tokens"))
    reasoning = reader.most((out, "reasoning_tokens"))
    image = reader.most((out, "image_tokens"))
    written = reader.most((told, "completion_tokens"), (told, "output_tokens"))
    if not image and reader.most((told, "output_tokens")):
        image = written
    output = _output(read, written, reasoning, total, reader)
    if not read or not output:
        reader.is_known = False
    cached = reader.part(reader.most((into, "cached_tokens"), (told, "prompt_cache_hit_tokens")), read)
    cache_written = reader.part(reader.most((into, "cache_write_tokens"), (told, "cache_creation_input_tokens")), read)
    usage = Usage(
        input=read,
        cached=cached,
        cache_written=reader.part(cache_written, read - cached),
        input_image=reader.part(reader.most((into, "image_tokens")), read),
        output=output,
        reasoning=min(reasoning, output),
        output_image=min(image, output),
    )
    return Reported(usage, reader.is_known)


def _output(read: int, written: int, reasoning: int, total: int, reader: Reader) -> int:
    """The output with reasoning that is counted beside it, and with tokens that only the total has."""
    beside = written + reasoning
    if read and reasoning and (total == read + beside or reasoning > written):
        return max(beside, total - read)
    if total > read + written:
        reader.is_known = False
        return total - read
    return written
