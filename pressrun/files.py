"""Reading a person's YAML or JSON into a model: every fault at once, each with its line.

Invariant: a file that is refused has caused nothing else to happen.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from pressrun.errors import BadBrief

__all__ = ["load_model"]

Model = TypeVar("Model", bound=BaseModel)


def load_model(path: Path, model: type[Model]) -> Model:
    """Read `path` (YAML, or JSON, which YAML includes) and validate it as `model`.

    Raises `BadBrief` with all faults of the file; each names its line and field.
    """
    data = _read(path)
    try:
        return model.model_validate(_plain(data))
    except ValidationError as error:
        raise BadBrief(str(path), [_describe(fault, data) for fault in error.errors()]) from None


def _read(path: Path) -> CommentedMap:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadBrief(str(path), ["there is no such file"]) from None
    except IsADirectoryError:
        raise BadBrief(str(path), ["this is a folder, not a file"]) from None
    except UnicodeDecodeError as error:
        raise BadBrief(str(path), [f"byte {error.start}: not UTF-8 text"]) from None
    except OSError as error:
        raise BadBrief(str(path), [f"cannot be read: {error.strerror}"]) from None
    try:
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise BadBrief(str(path), [f"{line}not valid YAML or JSON: {error.problem}"]) from None
    if not isinstance(data, CommentedMap):
        raise BadBrief(str(path), ["line 1: expected fields (`name: ...`), found something else"])
    return data


def _plain(data: Any) -> Any:
    """The same data without ruamel's classes; dates and other YAML scalars become text as JSON would have them."""
    return json.loads(json.dumps(data, default=str))


def _describe(fault: Any, data: CommentedMap) -> str:
    """`line 12: services.0: what is wrong`; a missing field is placed at the mapping that lacks it."""
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "unknown field; check its spelling"
    elif fault["type"] == "missing":
        message = "required, but missing"
    elif not isinstance(fault["input"], dict | list):
        message = f"{message} (got {fault['input']!r})"
    return f"line {_line(fault['loc'], data)}: {where + ': ' if where else ''}{message}"


def _line(loc: tuple[str | int, ...], data: Any) -> int:
    line: int = data.lc.line
    for part in loc:
        try:
            if isinstance(data, CommentedMap) and part in data:
                line = data.lc.key(part)[0]
            elif isinstance(data, CommentedSeq) and isinstance(part, int):
                line = data.lc.item(part)[0]
            else:
                break
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
    return line + 1
