"""Damage as servers, gateways and networks do it: odd JSON, other types, missing members, flipped bytes."""

import json
from copy import deepcopy
from random import Random
from typing import Any

__all__ = ["damaged_bytes", "damaged_json"]

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, 10**400, float("nan"), float("inf"), "", " ", "null", "0", "200", "error",
    "\x00\x1b[31m\u202e", "{" * 50, "x" * 5_000, [], {}, [None], [[]], [{}], {"error": {"message": "no", "code": 402}},
    {"error": "busy"}, {"data": None}, {"text": "x"}, {"type": "text", "text": None}, "data:image/png;base64,",
    "https://images.example/1.png", ["a", "b"], {"value": {"value": {}}}, "\ud83d", "=cmd()",
)  # fmt: skip


def damaged_json(sound: Any, random: Random) -> Any:
    """The value with one to three of its parts made odd."""
    value = deepcopy(sound)
    for _ in range(random.randint(1, 3)):
        value = _damage(value, random)
    return value


def _damage(value: Any, random: Random) -> Any:
    holder, name = _a_place(value, random)
    if holder is None:
        return random.choice(ODD)
    part = holder[name]
    kind = random.randrange(7)
    if kind == 0:
        del holder[name]
    elif kind == 1:
        holder[name] = [part]
    elif kind == 2:
        holder[name] = {"content": part}
    elif kind == 3:
        holder[name] = part if isinstance(part, str) else json.dumps(part, default=str)
    elif kind == 4 and isinstance(part, str) and part:
        at = random.randrange(len(part))
        holder[name] = part[:at] + random.choice(("", "\x00", "{", '"', "\\", "\ud83d", "圖", "\n")) + part[at + 1 :]
    elif kind == 5 and isinstance(holder, dict):
        holder[f"{name}_"] = holder.pop(name)
    else:
        holder[name] = deepcopy(random.choice(ODD))
    return value


def _a_place(value: Any, random: Random) -> tuple[Any, Any]:
    """A random list or object within the value, and an index or a name in it; None when there is none."""
    holder, name = None, None
    while isinstance(value, dict | list) and value and (holder is None or random.random() < 0.8):
        holder, name = value, random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value = value[name]
    return holder, name


def damaged_bytes(sound: bytes, random: Random) -> bytes:
    """The bytes with some flipped, cut out, doubled or cut off."""
    damaged = bytearray(sound)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(max(len(damaged), 1))
        kind = random.randrange(6)
        if kind == 0:
            del damaged[at:]
        elif kind == 1:
            del damaged[at : at + random.randint(1, 40)]
        elif kind == 2:
            damaged[at:at] = damaged[at : at + random.randint(1, 40)]
        elif damaged:
            damaged[min(at, len(damaged) - 1)] = random.randrange(256)
    return bytes(damaged)
