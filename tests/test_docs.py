"""The documentation points to what is there, and names what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from pressrun.cli.main import COMMANDS as NAMES
from pressrun.cli.main import application
from pressrun.settings import Settings
from tests.browser.pictures import PICTURES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deployments").glob("*.md")])
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^ *```\w*\n(.*?)^ *```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
OF_OTHERS = {"--param", "--params", "--profile", "--scale", "--watch"}
"""Options of Prefect and Docker that are named without their command."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[Path, str]]:
    """The files that a page links to, each with the anchor, if any."""
    found = re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text()))
    inside = [link.partition("#") for link in found if not re.match(r"[a-z]+:", link)]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in inside]


def commands(command: Any, name: str) -> dict[str, set[str]]:
    """A command's options, and those of the commands within it, by name."""
    options = {option for one in command.params if one.param_type_name == "option" for option in one.opts}
    found = {name: options | {"--help"}}
    for inner, sub in getattr(command, "commands", {}).items():
        found |= commands(sub, f"{name} {inner}")
    return found


COMMANDS = {
    name: options
    for chosen in NAMES
    for name, options in commands(typer.main.get_command(application(chosen)), "pressrun").items()
    if name.split()[1:2] in ([], [chosen])
}


def snippets(page: Path) -> list[str]:
    """All code of a page, line by line, with continued lines joined."""
    code = [fenced or inline for fenced, inline in CODE.findall(page.read_text())]
    return [line for text in code for line in text.replace("\\\n", " ").splitlines()]


@every_page
def test_a_relative_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert broken == []


def test_the_readme_links_to_every_page_of_the_documentation() -> None:
    linked = {target for target, _ in links(ROOT / "README.md")}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} <= linked


def test_every_picture_is_taken_by_the_script_and_shown_on_a_page() -> None:
    pictures = set((ROOT / "docs").glob("*.png"))
    assert {picture.stem for picture in pictures} == set(PICTURES)
    assert pictures <= {target for page in PAGES for target, _ in links(page)}


@every_page
def test_a_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    unknown = []
    for line in snippets(page):
        for said in re.findall(r"(?:^|[\s/(])pressrun ([a-z][^|#)]*)", line):
            first, *rest = said.split()
            name = f"pressrun {first}"
            is_group = any(one.startswith(f"{name} ") for one in COMMANDS)
            options = COMMANDS.get(f"{name} {rest[0]}" if is_group and rest else name)
            named = re.findall(r"(?<![\w-])--[a-z-]+", said)
            unknown += [f"pressrun {said}"] if options is None else [one for one in named if one not in options]
    assert unknown == []


@every_page
def test_an_option_that_a_page_names_alone_exists(page: Path) -> None:
    named = {option for line in snippets(page) for option in re.findall(r"^(--[a-z][a-z-]+)", line)}
    assert named - OF_OTHERS <= set().union(*COMMANDS.values())


def test_every_variable_that_is_named_is_a_setting_and_every_setting_is_documented() -> None:
    ours = {f"PRESSRUN_{name.upper()}" for name in Settings.model_fields if not name.startswith("openai_")}
    openais = {name.upper() for name in Settings.model_fields if name.startswith("openai_")}
    named = {name for page in PAGES for name in re.findall(r"\bPRESSRUN_[A-Z_]+", page.read_text())}
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE))
    assert named <= ours
    assert table == ours | openais
