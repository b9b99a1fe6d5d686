"""What a forged or damaged record in the result storage can do: nothing but be asked for again."""

import base64
import json
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect import flow, task
from prefect.results import get_default_result_storage

from pressrun.routes.provider import Provider
from tasks.kept import result_store

pytestmark = pytest.mark.usefixtures("prefect_api")

PROVIDER = Provider(base_url="https://records.example/v1")


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def pickled(path: Path) -> str:
    return base64.encodebytes(cloudpickle.dumps(Touch(path))).decode()


def poisons(path: Path) -> dict[str, dict[str, Any]]:
    """Records that create `path` when Prefect reads them by its own rules, or import what they name."""
    pickle = pickled(path)
    compressed = {"type": "compressed", "compressionlib": "gzip", "serializer": {"type": "pickle"}}
    called = {"__class__": "subprocess.getoutput", "data": {"cmd": f"touch {path}"}}
    return {
        "pickle": {"metadata": {"serializer": {"type": "pickle"}}, "result": pickle},
        "no-serializer": {"metadata": {}, "result": pickle},
        "old-format": {"serializer": {"type": "pickle"}, "data": pickle},
        "compressed-pickle": {"metadata": {"serializer": {"type": "compressed/pickle"}}, "result": pickle},
        "compressed": {"metadata": {"serializer": compressed}, "result": pickle},
        "imported": {"metadata": {"serializer": {"type": "pickle", "picklelib": "antigravity"}}, "result": pickle},
        "function": {"metadata": {"serializer": {"type": "json"}}, "result": json.dumps(called)},
        "decoder": {
            "metadata": {"serializer": {"type": "json", "object_decoder": "subprocess.Popen"}},
            "result": json.dumps({"touch": 1, str(path): 2}),
        },
    }


KINDS = list(poisons(Path("x")))


def plant(key: str, record: dict[str, Any]) -> None:
    storage: Any = get_default_result_storage()
    storage.write_path(key, json.dumps(record).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_record_runs_nothing_and_its_task_runs_again(kind: str, tmp_path: Path) -> None:
    key, made = f"forged-{kind}", tmp_path / "made"
    plant(key, poisons(made)[kind])
    asked: list[str] = []

    @task(persist_result=True, result_serializer="json", cache_key_fn=lambda _context, _given: key)
    def ask() -> Provider:
        asked.append(key)
        return PROVIDER

    @flow
    def build() -> tuple[Provider, Provider]:
        return ask(), ask()

    assert build() == (PROVIDER, PROVIDER)
    assert not made.exists()
    assert asked == [key], "the good record that took its place is used"


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_record_of_what_is_kept_counts_as_absent_with_a_warning(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = tmp_path / "made"
    plant(f"kept-{kind}", poisons(made)[kind])
    assert not result_store().exists(f"kept-{kind}")
    assert not made.exists()
    assert "counts as absent" in caplog.text


def test_models_and_plain_values_come_back_as_they_were() -> None:
    values = [PROVIDER, [PROVIDER, 1], {"one": PROVIDER, "text": "é"}, None, 1.5, "text"]
    for number, value in enumerate(values):
        result_store().write(value, key=f"values-{number}")
        assert result_store().read(f"values-{number}").result == value


def test_a_provider_that_writes_prefects_words_into_its_reply_is_taken_literally() -> None:
    body = {"choices": [{"__class__": "subprocess.getoutput", "data": {"cmd": "true"}}], "data": "kept"}
    result_store().write(body, key="literal")
    assert result_store().read("literal").result == body


def test_a_record_of_a_type_that_this_version_no_longer_has_gives_its_data() -> None:
    gone = {"__class__": "pressrun.calls.Gone", "data": {"call_id": "1"}}
    plant("gone", {"metadata": {"serializer": {"type": "json"}}, "result": json.dumps(gone)})
    assert result_store().read("gone").result == gone
