"""Batches of a server that is stopped, or killed, and started again on the same folder."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from openai import APIConnectionError, NotFoundError, OpenAI

from pressrun.simulator import running_simulator
from tests.simulator.driving import a_line, connect, lines_done, read_lines, submit, wait_for, wait_for_progress


def test_a_stopped_server_carries_on_with_its_batches(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=1.0) as url:
        batch = submit(connect(url), *(a_line(str(number)) for number in range(20)))
    with running_simulator(tmp_path, batch_seconds=60.0) as url:
        client = connect(url)
        done = wait_for(client, batch)
        assert done.status == "completed"
        assert len(read_lines(client, done.output_file_id)) == 20


def test_ended_batches_and_their_files_are_still_there_after_a_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path, batch_seconds=0.1) as url:
        client = connect(url)
        done = wait_for(client, submit(client, a_line("kept")))
        gone = submit(client, a_line()).input_file_id
        client.files.delete(gone)
    with running_simulator(tmp_path) as url:
        client = connect(url)
        assert client.batches.retrieve(done.id) == done
        assert set(read_lines(client, done.output_file_id)) == {"kept"}
        with pytest.raises(NotFoundError):
            client.files.retrieve(gone)


def test_a_killed_server_answers_no_line_twice(tmp_path: Path) -> None:
    port = _free_port()
    script = (
        "from pathlib import Path; from pressrun.simulator import serve; "
        f"serve(Path({str(tmp_path)!r}), '127.0.0.1', {port}, 2.0, 0.0)"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        client = connect(f"http://127.0.0.1:{port}/v1")
        _await_server(client)
        batch = submit(client, *(a_line(str(number)) for number in range(30)))
        finished = wait_for_progress(client, batch, 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running_simulator(tmp_path, batch_seconds=60.0) as url:
        client = connect(url)
        assert lines_done(client.batches.retrieve(batch.id)) >= finished
        done = wait_for(client, batch)
        assert lines_done(done) == 30
        assert len(client.files.content(done.output_file_id).text.splitlines()) == 30


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await_server(client: OpenAI) -> None:
    deadline = monotonic() + 20
    while monotonic() < deadline:
        try:
            client.models.list()
        except APIConnectionError:
            sleep(0.02)
        else:
            return
    pytest.fail("the server did not start")
