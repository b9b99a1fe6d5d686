import io
import logging

import pytest

from tasks.logs import quiet_prefect

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def test_neither_a_message_nor_a_traceback_in_a_runs_log_has_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    quiet_prefect()
    said = io.StringIO()
    logger, handler = logging.getLogger("prefect.flow_runs"), logging.StreamHandler(said)
    logger.addHandler(handler)
    try:
        try:
            raise ValueError(f"Illegal header value b'Bearer {KEY}\x00'")
        except ValueError as error:
            logger.error("failed: %r", error, exc_info=True)
    finally:
        logger.removeHandler(handler)
    assert "Traceback" in said.getvalue()
    assert "Illegal header value b'Bearer [hidden]" in said.getvalue()
    assert KEY not in said.getvalue()
    assert "\x00" not in said.getvalue()
