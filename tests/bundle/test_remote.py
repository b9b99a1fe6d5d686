"""Bundles on remote storage, over fsspec's own storage in memory: the same calls as S3, without a server."""

import errno
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pressrun.bundle.existing import Identity
from pressrun.bundle.remote import EXTRAS, check_destination, local_folder, objection_at, upload_folder
from pressrun.bundle.writer import write_folder
from pressrun.errors import DeliveryFailed, DestinationUnfit, Occupied
from pressrun.manifest import with_files
from tests.bucket import Bucket

BAKERY = Identity(site="bakery", domain="bakery.example", simulated=False)


def bundle(files: dict[str, bytes], identity: Identity = BAKERY) -> dict[str, bytes]:
    return {**files, "manifest.json": json.dumps(with_files(identity.model_dump(), files)).encode()}


OLD = bundle({"preview/index.html": b"old page", "articles/a.md": b"old a", "articles/gone.md": b"only in the old one"})
NEW = bundle({"preview/index.html": b"new page", "articles/a.md": b"new a", "images/b.png": b"new b"})
URL = "memory://bucket/sites/bakery"


@pytest.fixture(autouse=True)
def storage() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem(Bucket.protocol)
    system.store.clear()
    yield system
    system.store.clear()


def contents(system: MemoryFileSystem, url: str = URL) -> dict[str, bytes]:
    root = "/" + url.removeprefix("memory://")
    return {path.removeprefix(f"{root}/"): system.cat_file(path) for path in system.find(root)}


def written(tmp_path: Path, files: dict[str, bytes]) -> Path:
    return write_folder(tmp_path / "bundle", files)


def upload(tmp_path: Path, files: dict[str, bytes], url: str = URL, identity: Identity = BAKERY) -> list[str]:
    """What was said of it."""
    said: list[str] = []
    assert upload_folder(written(tmp_path, files), url, identity, said.append).startswith(url)
    return said


def test_an_uploaded_bundle_holds_exactly_the_files(tmp_path: Path, storage: MemoryFileSystem) -> None:
    assert upload_folder(written(tmp_path, NEW), URL, BAKERY, print) == URL
    assert contents(storage) == NEW


def test_uploading_again_leaves_nothing_of_the_old_bundle_and_touches_no_neighbour(
    tmp_path: Path, storage: MemoryFileSystem
) -> None:
    upload(tmp_path, OLD, f"{URL}-2")
    upload(tmp_path, OLD)
    upload(tmp_path, NEW)
    assert contents(storage) == NEW
    assert contents(storage, f"{URL}-2") == OLD


def test_the_page_and_then_the_manifest_come_last(
    tmp_path: Path, storage: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[str] = []
    put_file = MemoryFileSystem.put_file

    def noting(self: MemoryFileSystem, here: str, there: str, **options: Any) -> None:
        put.append(there)
        put_file(self, here, there, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", noting)
    upload(tmp_path, NEW)
    assert [name.removeprefix("/bucket/sites/bakery/") for name in put[-2:]] == ["preview/index.html", "manifest.json"]


@pytest.mark.parametrize("failing", [name for name in NEW if name != "manifest.json"])
def test_an_upload_that_breaks_off_leaves_no_manifest_and_the_next_one_is_whole(
    tmp_path: Path, storage: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    upload(tmp_path, OLD)
    put_file = MemoryFileSystem.put_file

    def break_off(self: MemoryFileSystem, here: str, there: str, **options: Any) -> None:
        if there.endswith(failing):
            raise OSError("the line went dead")
        put_file(self, here, there, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", break_off)
        with pytest.raises(DeliveryFailed, match=r"the line went dead.*is kept. Run again"):
            upload(tmp_path, NEW)
    assert "manifest.json" not in contents(storage)
    upload(tmp_path, NEW)
    assert contents(storage) == NEW


def test_files_of_others_stay_and_a_copy_is_kept_of_what_somebody_changed(
    tmp_path: Path, storage: MemoryFileSystem
) -> None:
    upload(tmp_path, OLD)
    storage.pipe_file("/bucket/sites/bakery/notes.txt", b"theirs")
    storage.pipe_file("/bucket/sites/bakery/images/b.png", b"theirs, where a new file of ours goes")
    storage.pipe_file("/bucket/sites/bakery/articles/a.md", b"corrected")
    storage.pipe_file("/bucket/sites/bakery/articles/gone.md", b"corrected too")
    [said] = upload(tmp_path, NEW)
    assert contents(storage) == {**NEW, "notes.txt": b"theirs"}
    [kept] = {path.split("/")[3] for path in storage.find("/bucket/sites") if ".kept-" in path}
    assert kept in said
    assert contents(storage, f"memory://bucket/sites/{kept}") == {
        "articles/a.md": b"corrected",
        "articles/gone.md": b"corrected too",
        "images/b.png": b"theirs, where a new file of ours goes",
    }


@pytest.mark.parametrize(
    "there",
    [
        {"index.html": b"a page"},
        bundle({"a.txt": b"a"}, BAKERY.model_copy(update={"domain": "other.example"})),
        {"manifest.json": b"[]"},
    ],
)
def test_what_is_not_of_this_site_is_not_touched(
    tmp_path: Path, storage: MemoryFileSystem, there: dict[str, bytes]
) -> None:
    for name, data in there.items():
        storage.pipe_file(f"/bucket/sites/bakery/{name}", data)
    assert objection_at(URL, BAKERY)
    with pytest.raises(Occupied, match="Move it away"):
        upload(tmp_path, NEW)
    assert contents(storage) == there


def test_an_incomplete_bundle_goes_beside_a_complete_one(tmp_path: Path, storage: MemoryFileSystem) -> None:
    upload(tmp_path, OLD)
    lacking = BAKERY.model_copy(update={"complete": False})
    [said] = upload(tmp_path, bundle({"a.txt": b"a"}, lacking), identity=lacking)
    assert f"{URL}.incomplete" in said
    assert contents(storage) == OLD
    assert contents(storage, f"{URL}.incomplete")["a.txt"] == b"a"


def test_a_destination_that_can_be_written_to_is_left_as_it_was(storage: MemoryFileSystem) -> None:
    check_destination("bucket://agency/sites")
    assert storage.find("/agency") == []


def test_a_destination_that_cannot_be_written_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", forbid)
    with pytest.raises(DestinationUnfit, match=r"bucket://agency/sites \(PermissionError: Access Denied\)"):
        check_destination("bucket://agency/sites")


def test_an_unknown_protocol_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(DestinationUnfit, match=r"unknown storage s4://.*s3://, gs:// or az://.*spent nothing"):
        check_destination("s4://bucket/sites")


@pytest.mark.parametrize(("out", "extra"), [("s3://b/sites", "s3"), ("gs://b/sites", "gcs"), ("az://b/sites", "azure")])
def test_a_driver_that_is_not_installed_is_named_by_its_extra(
    monkeypatch: pytest.MonkeyPatch, out: str, extra: str
) -> None:
    def lacking(_protocol: str) -> None:
        raise ImportError("Install it")

    monkeypatch.setattr(fsspec, "get_filesystem_class", lacking)
    with pytest.raises(DestinationUnfit, match=rf"pip install 'pressrun\[{extra}\]'.*spent nothing"):
        check_destination(out)


def test_every_extra_that_is_named_is_one_of_ours() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


@pytest.mark.parametrize(
    ("out", "folder"),
    [("sites", Path("sites")), ("/srv/sites", Path("/srv/sites")), ("file:///srv/sites", Path("/srv/sites"))],
)
def test_a_path_is_a_folder_of_this_machine(out: str, folder: Path) -> None:
    assert local_folder(out) == folder


def test_an_address_is_not() -> None:
    assert local_folder("s3://bucket/sites") is None


def refusal(out: str) -> str:
    with pytest.raises(DestinationUnfit) as unfit:
        check_destination(out)
    assert "This attempt spent nothing" in str(unfit.value)
    return str(unfit.value)


def test_a_folder_that_can_be_written_to_or_made_is_left_as_it_was(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "new" / "sites", f"file://{tmp_path}/sites", f"local://{tmp_path}/sites"):
        check_destination(str(out))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_is_refused_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert f"{tmp_path}/file is a file" in refusal(f"{tmp_path}/file")
    assert f"{tmp_path}/file is a file" in refusal(f"{tmp_path}/file/sites")
    assert f"{tmp_path}/file is a file" in refusal(f"local://{tmp_path}/file")
    assert f"{tmp_path}/link is a link that leads nowhere" in refusal(f"{tmp_path}/link/sites")


@pytest.mark.parametrize("out", ["", " ", "file://", "local://"])
def test_no_name_is_no_folder(out: str) -> None:
    assert "(--out) has no name" in refusal(out)


@pytest.mark.parametrize("out", ["/proc/nope/sites", "a" * 300, "sites\0"])
def test_a_folder_that_can_never_be_is_refused(out: str) -> None:
    assert "--out" in refusal(out)


def test_a_full_disk_is_noticed_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(path: Path, _content: bytes) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    assert "No space left on device" in refusal(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_site_in_memory_would_be_gone() -> None:
    assert "gone when the run ends" in refusal("memory://sites")
