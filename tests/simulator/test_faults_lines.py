"""Faults of single lines and of replies in real time, as clients meet them."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pressrun.errors import BadBrief
from pressrun.files import load_model
from pressrun.simulator import FaultScript
from tests.simulator.driving import IMAGES, a_line, an_image, read_lines, submit, wait_for
from tests.simulator.test_faults import LINES, faulty


def test_an_unreadable_line_stands_in_the_place_of_the_good_one(tmp_path: Path) -> None:
    with faulty(tmp_path, lines=[{"item": "item-1", "do": "garbage"}]) as client:
        batch = wait_for(client, submit(client, *LINES))
        lines = client.files.content(str(batch.output_file_id)).text.splitlines()
    unreadable = [line for line in lines if not line.endswith("}")]
    assert (len(lines), len(unreadable)) == (4, 1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(unreadable[0])


@pytest.mark.parametrize("do", ["truncated", "refusal", "off_schema", "not_json"])
def test_a_reply_that_is_unfit_is_so_in_its_own_line_only_and_is_billed(tmp_path: Path, do: str) -> None:
    with faulty(tmp_path, lines=[{"item": "item-1", "do": do}]) as client:
        done = wait_for(client, submit(client, *LINES))
        lines = read_lines(client, done.output_file_id)
    choices = {name: line["response"]["body"]["choices"][0] for name, line in lines.items()}
    struck, good = choices["item-1"], choices["item-2"]
    text, whole = struck["message"]["content"], good["message"]["content"]
    expected: dict[str, tuple[str, bool, bool]] = {
        "truncated": ("length", False, bool(text) and whole.startswith(text) and text != whole),
        "refusal": ("stop", True, text is None),
        "off_schema": ("stop", False, text == '{"unexpected": true}'),
        "not_json": ("stop", False, text == f"Here you are:\n```json\n{whole}\n```"),
    }
    assert (struck["finish_reason"], bool(struck["message"].get("refusal")), True) == expected[do]
    assert len({json.dumps(choice) for name, choice in choices.items() if name != "item-1"}) == 1
    assert lines["item-1"]["response"]["body"]["usage"] == lines["item-2"]["response"]["body"]["usage"]


def test_an_error_may_stand_in_place_of_the_choice_and_is_billed(tmp_path: Path) -> None:
    with faulty(tmp_path, lines=[{"item": "item-1", "do": "broken_off", "status": 502}]) as client:
        done = wait_for(client, submit(client, *LINES))
        body = read_lines(client, done.output_file_id)["item-1"]["response"]["body"]
    assert body["choices"][0]["error"] == {"message": "A fault of the script.", "code": 502}
    assert body["usage"]["completion_tokens"] > 0


def test_a_fault_of_text_does_not_strike_pictures(tmp_path: Path) -> None:
    with faulty(tmp_path, lines=[{"do": "truncated", "times": None}]) as client:
        batch = submit(client, a_line("picture", an_image(), url=IMAGES), endpoint=IMAGES)
        done = wait_for(client, batch)
        assert set(read_lines(client, done.output_file_id)) == {"picture"}


@pytest.mark.parametrize(
    "fault", [{"item": "a(", "do": "missing"}, *({"do": do, "in_real_time": True} for do in ("error", "missing"))]
)
def test_a_fault_that_could_never_strike_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"not a regular expression|cannot be used in real time"):
        FaultScript.model_validate({"lines": [fault]})


def test_a_faulty_script_file_is_refused_with_its_places(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("lines:\n  - {item: 'a(', do: missing}\nrequests:\n  - {at: GET /v1/models, do: statu}\n")
    with pytest.raises(BadBrief) as refused:
        load_model(path, FaultScript)
    places = [fault.split(": ")[:2] for fault in refused.value.faults]
    assert places == [["line 2", "lines.0.item"], ["line 4", "requests.0.do"]]


def test_the_example_is_a_script_and_null_means_always(tmp_path: Path) -> None:
    example = load_model(Path(__file__).parents[2] / "examples" / "faults" / "bad-day.yaml", FaultScript)
    assert (len(example.requests), len(example.batches), len(example.lines)) == (4, 1, 2)
    path = tmp_path / "faults.yaml"
    path.write_text("batches:\n  - {code: token_limit_exceeded, line: null, times: null}\n")
    [fault] = load_model(path, FaultScript).batches
    assert (fault.times, fault.line) == (None, None)
