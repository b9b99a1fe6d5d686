"""The rules of the house: which way imports run, what is pinned, what no file may hold."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
EVERY = RUNTIME + [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
ENVIRONMENTS = {"constraints.txt": "3.8", "constraints-prefect-3.9.txt": "3.9"}
"""Each environment that is tested, with its release of Prefect."""
PINS = {
    (file, canonicalize_name(line.split("==")[0])): line.split("==")[1]
    for file in ENVIRONMENTS
    for line in (ROOT / file).read_text().split("\n")
    if line and not line.startswith("#")
}
OUR_FILES = {
    package: sorted((ROOT / package).rglob("*.py")) for package in ("pressrun", "tasks", "flows", "deployments")
}


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """The modules that a file imports, in full; without `lazy`, those inside functions are left out."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).with_suffix("").parts[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        if lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending.extend(ast.iter_child_nodes(node))


def imported_by(path: Path, packages: tuple[str, ...], *, lazy: bool = True) -> set[str]:
    return {name for name in imports(path, lazy=lazy) if any(f"{name}.".startswith(f"{one}.") for one in packages)}


@pytest.mark.parametrize("path", OUR_FILES["pressrun"], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_knows_neither_prefect_nor_tasks_nor_flows(path: Path) -> None:
    is_cli = path.parent == ROOT / "pressrun" / "cli"
    assert imported_by(path, ("prefect", "tasks", "flows"), lazy=not is_cli) == set()


@pytest.mark.parametrize(("package", "other"), [("steps", "routes"), ("routes", "steps")])
def test_steps_and_routes_never_import_each_other(package: str, other: str) -> None:
    files = sorted((ROOT / "pressrun" / package).rglob("*.py"))
    assert files
    assert {path.name: found for path in files if (found := imported_by(path, (f"pressrun.{other}",)))} == {}


def test_tasks_never_import_flows() -> None:
    assert {path.name: found for path in OUR_FILES["tasks"] if (found := imported_by(path, ("flows",)))} == {}


def test_everything_imported_is_declared() -> None:
    """What only comes along with another dependency may stop coming."""
    declared = {canonicalize_name(requirement.name) for requirement in RUNTIME}
    distributions = packages_distributions()
    ours = {*OUR_FILES, *sys.stdlib_module_names}
    roots = {name.split(".")[0] for files in OUR_FILES.values() for path in files for name in imports(path)} - ours
    undeclared = {
        root
        for root in roots
        if not declared & {canonicalize_name(distribution) for distribution in distributions.get(root, [])}
    }
    # pydantic-core is released in step with pydantic.
    assert undeclared <= {"pydantic_core"}


@pytest.mark.parametrize("file", ENVIRONMENTS)
@pytest.mark.parametrize("requirement", EVERY, ids=lambda requirement: requirement.name)
def test_every_declared_dependency_has_a_pin_within_its_bounds(requirement: Requirement, file: str) -> None:
    assert requirement.specifier.contains(PINS[file, canonicalize_name(requirement.name)])


@pytest.mark.parametrize(("file", "release"), ENVIRONMENTS.items())
def test_each_environment_has_its_release_of_prefect(file: str, release: str) -> None:
    assert PINS[file, "prefect"].startswith(f"{release}.")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("prefect", "3.9.1", "3.10.0"), ("fastapi", "0.150.0", "0.151.0"), ("sqlalchemy", "2.0.58", "2.1.0")],
)
def test_what_breaks_a_release_of_prefect_or_is_untested_cannot_be_installed(name: str, good: str, bad: str) -> None:
    (requirement,) = [one for one in RUNTIME if one.name == name]
    assert requirement.specifier.contains(good)
    assert not requirement.specifier.contains(bad)


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_a_pin_is_a_name_and_a_version_and_nothing_else(file: str) -> None:
    lines = (ROOT / file).read_text().splitlines()
    odd = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]
    assert odd == []
    assert len(lines) > 100


def files_in_git() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registry_or_holds_a_key() -> None:
    hosts = "|".join(re.escape(host) for host in ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org"])
    forbidden = re.compile(rf"{hosts}|\bsk-(?:[a-z]+-)?[A-Za-z0-9]{{20,}}".encode())
    found = {
        str(path.relative_to(ROOT)): bad[0] for path in files_in_git() if (bad := forbidden.search(path.read_bytes()))
    }
    assert found == {}
