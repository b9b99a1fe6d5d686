"""Storage elsewhere: results in the block that Prefect is set to, bundles at an address."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from prefect.filesystems import RemoteFileSystem
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect.settings.context import get_current_settings

from flows.build_site import build_site
from pressrun.strategy import Preference
from tests.builders import a_brief
from tests.provider import Server

pytestmark = pytest.mark.usefixtures("prefect_api")

OUT = "memory://bucket/sites"


@pytest.fixture
def storage() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
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
    monkeypatch.setattr("tasks.delivery.deliver.retry_delay_seconds", [0, 0, 0])
    state = build()
    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "could not be uploaded to memory://bucket/sites/harbour-bakery" in state.message
    asked = server.posts()
    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    assert build().is_completed()
    assert server.posts() == asked


def test_a_file_address_is_a_folder(server: Server, tmp_path: Path) -> None:
    result = build(out=f"file://{tmp_path}/sites").result()
    assert result.bundle == str(tmp_path / "sites" / "harbour-bakery")
