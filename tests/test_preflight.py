"""The checks before an order: all that is wrong is told at once, and nobody is asked for anything that costs."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pressrun.errors import DestinationUnfit, Refused
from pressrun.preflight import all_at_once, check_order, checked_settings
from pressrun.settings import Settings
from pressrun.strategy import BatchStrategy, Preference
from tests.builders import a_brief
from tests.routes.raw_server import Asked, Reply, serving

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def check(
    tmp_path: Path, *, out: str | None = None, simulate: bool = True, cap: Decimal | None = None, **settings: Any
) -> None:
    given = Settings(**{"state_dir": tmp_path / "state", **settings}, _env_file=None)
    strategy = BatchStrategy(preference=Preference.COST)
    out = str(tmp_path) if out is None else out
    check_order([a_brief()], strategy, given, NOW, simulate=simulate, out=out, cap=cap)


def test_an_order_that_is_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    check(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_all_places_that_cannot_be_written_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    (tmp_path / "file").touch()
    with pytest.raises(Refused) as refused:
        check(tmp_path, out=f"{tmp_path}/file", state_dir=tmp_path / "file" / "state")
    assert all(word in str(refused.value) for word in ("--out", "PRESSRUN_STATE_DIR", "PREFECT_API_URL"))


def test_a_file_in_place_of_the_folder_of_input_files_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("no folder")
    with pytest.raises(Refused, match=r"The folder of input files in PRESSRUN_STATE_DIR cannot be .*shards is a file"):
        check(tmp_path, state_dir=tmp_path)


def test_a_ledger_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("no database at all, really not")
    with pytest.raises(Refused, match=r"ledger\.sqlite cannot be used as a ledger"):
        check(tmp_path, state_dir=tmp_path)


def test_a_ledger_that_is_a_link_to_nothing_is_refused_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").symlink_to(tmp_path / "elsewhere" / "ledger.sqlite")
    with pytest.raises(Refused, match=r"ledger\.sqlite is a link to nothing"):
        check(tmp_path, state_dir=tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_cap_and_what_is_in_the_way_are_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / a_brief().slug
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear Ann")
    with pytest.raises(Refused) as refused:
        check(tmp_path, cap=Decimal("0.0001"))
    assert all(word in str(refused.value) for word in ("above the cap", str(folder)))


def test_faults_of_settings_and_of_other_variables_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSRUN_REALTIME_TIMEOUT", "soon")
    monkeypatch.setenv("HTTPS_PROXY", "'http://proxy.example'")
    with pytest.raises(Refused) as refused:
        checked_settings(simulate=False)
    assert all(name in str(refused.value) for name in ("PRESSRUN_REALTIME_TIMEOUT", "HTTPS_PROXY"))


def test_a_simulated_order_does_without_what_only_a_provider_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "X-A: \u201cb\u201d")
    checked_settings(simulate=True)
    with pytest.raises(Refused, match="PRESSRUN_REALTIME_TIMEOUT"):
        monkeypatch.setenv("PRESSRUN_REALTIME_TIMEOUT", "soon")
        checked_settings(simulate=True)


def test_what_the_plan_needs_is_tried_at_the_provider(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply({"data": []})
        return Reply({}, 404 if "files" in asked.path else 400)

    with serving(answer) as server, pytest.raises(Refused, match="does not take files for batches"):
        check(tmp_path, simulate=False, openai_base_url=server.base_url, openai_api_key="sk-test")


def test_a_single_fault_keeps_its_kind() -> None:
    def fail() -> None:
        raise DestinationUnfit("no")

    with pytest.raises(DestinationUnfit, match=r"^no$"):
        all_at_once(fail, lambda: None)
