"""Where each test belongs; the table is in ARCHITECTURE.md."""

import ast
from pathlib import Path

import pytest

from tests.conftest import SLOW, TESTS

QUICK = sorted(file for file in TESTS.rglob("*.py") if file.relative_to(TESTS).parts[0] not in SLOW)


def imported(file: Path) -> set[str]:
    """The modules that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("file", QUICK, ids=lambda file: str(file.relative_to(TESTS)))
def test_what_needs_commands_servers_or_a_browser_of_its_own_is_in_a_folder_of_slow_tests(file: Path) -> None:
    slow = {f"tests.{folder}" for folder in SLOW}
    assert {name for name in imported(file) if ".".join(name.split(".")[:2]) in slow} == set()
