"""The first import of Prefect, which reads its settings then and ends in a traceback for a faulty one.

Invariant: a setting that Prefect cannot use is refused by the name of its variable or file, without its value.
"""

import io
import re
import sys
from contextlib import redirect_stderr

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from pressrun.errors import Refused
from pressrun.prefect_api import address_fault, configured_server, sources
from pressrun.untrusted import redacted

__all__ = ["load_prefect"]


def load_prefect() -> None:
    """Import Prefect, which reads its settings then. Raises `Refused` for one that it cannot use, without its value."""
    server = configured_server()
    if server and (fault := address_fault(server)):
        raise Refused(fault)
    said = io.StringIO()
    try:
        # It prints the faulty value, which may be secret.
        with redirect_stderr(said):
            from prefect.settings import get_current_settings

            get_current_settings()
    except ValidationError as error:
        # A setting that is computed from a faulty one has a fault of its own kind.
        faults = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
        raise _unusable([_told(error.title, one) for one in faults]) from None
    except SettingsError as error:
        raise _unusable([_in_json(str(error))]) from None
    sys.stderr.write(said.getvalue())


def _unusable(faults: list[str]) -> Refused:
    listed = "".join(f"\n  {redacted(fault)}" for fault in faults)
    return Refused(f"Prefect cannot use its settings; nothing was spent. Correct or remove:{listed}")


def _told(title: str, fault: ErrorDetails) -> str:
    if not fault["loc"]:
        return fault["msg"]
    # The words of Prefect's own validators may repeat the value.
    is_own = fault["type"] in {"value_error", "assertion_error"}
    return f"{_variable(title, str(fault['loc'][0]))}: {'not a value that Prefect takes' if is_own else fault['msg']}"


def _in_json(told: str) -> str:
    """A field that is not JSON as its variable; pydantic-settings names the field only."""
    found = re.search(r'field "(\w+)"', told)
    given = {name.upper() for _, values in sources() for name in values}
    variables = [name for name in _variables(found[1]) if name in given] if found else []
    return f"{' or '.join(variables)}: JSON is expected" if variables else told


def _variable(title: str, field: str) -> str:
    """The variable of a field of one of Prefect's groups of settings; a field with an alias is told by that."""
    if field.upper().startswith("PREFECT_"):
        return field.upper()
    return next(iter(_variables(field, title)), field)


def _variables(field: str, title: str = "") -> list[str]:
    from prefect.settings.base import PrefectBaseSettings

    groups = [group for group in PrefectBaseSettings.__subclasses__() if title in ("", group.__name__)]
    return [
        f"{group.model_config.get('env_prefix', '')}{field}".upper() for group in groups if field in group.model_fields
    ]
