"""Storage elsewhere: results in the block that Prefect is set to, bundles at an address."""

import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from prefect.filesystems import LocalFileSystem, RemoteFileSystem
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect.settings.context import get_current_settings

from flows.build_site import build_site
from pressrun.bundle import writer
from pressrun.costs.ledgerfile import LedgerFile
from pressrun.settings import current_settings
from pressrun.strategy import Preference
from tests.bucket import Bucket
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

OUT = "bucket://agency/sites"


@pytest.fixture
def storage() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem(Bucket.protocol)
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def results_elsewhere(storage: MemoryFileSystem) -> Iterator[None]:
    """Prefect's results in a block, as `PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK` sets it."""
    RemoteFileSystem(basepath="memory://bucket/results").save("elsewhere", overwrite=True)
    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: "remote-file-system/elsewhere"}):
        yield


def build(**options: Any) -> Any:
    options = {"brief": a_brief(image_count=2), "out": OUT, "poll_seconds": 0.1, **options}
    return build_site(**options, return_state=True)


def local_results() -> set[str]:
    folder = get_current_settings().results.local_storage_path
    return {path.name for path in folder.rglob("*")} if folder.exists() else set()


@pytest.mark.usefixtures("results_elsewhere")
def test_everything_that_is_kept_goes_to_the_block_and_is_found_there(
    server: Server, storage: MemoryFileSystem
) -> None:
    before = local_results()
    # Images by batch are kept one by one.
    assert build(preference=Preference.COST).is_completed()
    asked = server.posts()
    assert local_results() == before
    kept = [storage.cat_file(path) for path in storage.find("/bucket/results")]
    assert kept
    assert all(map(json.loads, kept))  # No pickle is among them.
    assert build(preference=Preference.COST).is_completed()
    assert server.posts() == asked


@pytest.mark.usefixtures("results_elsewhere")
def test_a_result_storage_that_cannot_be_written_to_is_refused_before_anything_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(RemoteFileSystem, "write_path", forbid)
    state = build()
    assert state.name == "Refused"
    assert "PermissionError: Access Denied" in state.message
    assert sum(server.posts().values()) == 0


def test_a_bundle_goes_to_the_address_which_the_result_and_the_message_name(
    server: Server, storage: MemoryFileSystem
) -> None:
    state = build()
    assert state.is_completed(), state.message
    assert f"Delivered · preview {OUT}/harbour-bakery/preview/index.html" in state.message
    result = state.result()
    assert result.bundle == f"{OUT}/harbour-bakery"
    manifest = json.loads(storage.cat_file(result.file("manifest.json")))
    assert manifest["complete"]
    assert len(storage.find(result.file("images"))) == 2


def test_an_address_that_leads_nowhere_is_refused_before_anything_is_asked(server: Server) -> None:
    state = build(out="s4://bucket/sites")
    assert state.name == "Refused"
    assert "s4://" in state.message
    assert sum(server.posts().values()) == 0


def test_a_bundle_that_cannot_be_uploaded_costs_nothing_to_deliver_later(
    server: Server, storage: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file = MemoryFileSystem.put_file

    def dead(*_: object, **__: object) -> None:
        raise OSError("the line went dead")

    monkeypatch.setattr(MemoryFileSystem, "put_file", dead)
    state = build()
    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "could not be uploaded to bucket://agency/sites/harbour-bakery" in state.message
    asked = server.posts()
    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    assert build().is_completed()
    assert server.posts() == asked


def test_a_file_address_is_a_folder(server: Server, tmp_path: Path) -> None:
    result = build(out=f"file://{tmp_path}/sites").result()
    assert result.bundle == str(tmp_path / "sites" / "harbour-bakery")


def test_answers_that_cannot_be_stored_are_used_and_the_run_says_so(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    write = LocalFileSystem.write_path

    def full(self: LocalFileSystem, path: str, content: bytes, **options: Any) -> Any:
        if "pressrun-answer" in path:
            raise OSError(28, "No space left on device")
        return write(self, path, content, **options)

    monkeypatch.setattr(LocalFileSystem, "write_path", full)
    state = build(out=str(tmp_path / "sites"), preference=Preference.SPEED)
    assert state.is_completed(), state.message
    assert "answers could not be stored in Prefect's result storage" in caplog.text


def test_an_answer_is_stored_even_if_the_ledger_is_full_and_is_entered_later(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with sqlite3.connect(LedgerFile(current_settings().ledger_file).path) as ledger:
        ledger.execute("CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    first = build(out=str(tmp_path / "sites"), preference=Preference.SPEED)
    assert first.is_failed()
    assert "could not be written to (disk is full). Every answer that was paid for is stored" in first.message
    assert server.posts() == {"chat": 1, "images": 0, "batches": 0}

    with sqlite3.connect(current_settings().ledger_file) as ledger:
        ledger.execute("DROP TRIGGER full")
    state = build(out=str(tmp_path / "sites"), preference=Preference.SPEED)
    assert state.is_completed(), state.message
    assert server.covered() >= server.bill()
    calls = json.loads(Path(state.result().file("manifest.json")).read_text())["calls"]
    assert sum(Decimal(call["cost_usd"]) for call in calls) == server.bill()


def test_a_bundle_that_the_disk_has_no_space_for_is_delivered_by_the_next_run(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_write_file", fail)
        state = build(out=str(tmp_path))
    assert state.name == "Failed"
    assert "No space left on device" in state.message
    asked = server.posts()
    assert build(out=str(tmp_path)).is_completed()
    assert server.posts() == asked
