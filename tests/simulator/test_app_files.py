"""The Files API over real HTTP."""

import pytest
from openai import NotFoundError, OpenAI


def test_a_file_comes_back_as_it_was_sent(client: OpenAI) -> None:
    content = "麵包\n".encode() * 300_000
    file = client.files.create(file=("麵包.jsonl", content), purpose="batch")
    assert (file.filename, file.bytes, file.purpose, file.status) == ("麵包.jsonl", len(content), "batch", "processed")
    with client.files.with_streaming_response.content(file.id) as reply:
        assert b"".join(reply.iter_bytes()) == content


def test_the_default_expiry_is_told_only_later(client: OpenAI) -> None:
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert file.expires_at is None
    later = client.files.retrieve(file.id)
    assert later.expires_at == pytest.approx(file.created_at + 30 * 86_400, abs=1)


def test_an_expiry_that_was_asked_for_is_kept(client: OpenAI) -> None:
    expiry = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch", expires_after=expiry)
    assert file.expires_at == pytest.approx(file.created_at + 3600, abs=1)


def test_files_are_listed_newest_first_and_filtered_by_purpose(client: OpenAI) -> None:
    ids = [client.files.create(file=("a.jsonl", b"{}"), purpose="batch").id for _ in range(3)]
    page = client.files.list(limit=2, purpose="batch")
    assert ([file.id for file in page.data], page.has_more) == ([ids[2], ids[1]], True)
    assert client.files.list(limit=1, after=ids[1]).data[0].id == ids[0]
    assert [file.id for file in client.files.list(order="asc")][-3:] == ids
    assert not client.files.list(purpose="vision").data


def test_a_deleted_file_is_gone(client: OpenAI) -> None:
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert client.files.delete(file.id).deleted
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError):
            ask(file.id)


@pytest.mark.parametrize("file_id", ["file-nowhere", "..%2Fstate.sqlite3"])
def test_only_files_that_are_listed_can_be_read(client: OpenAI, file_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.get(f"/files/{file_id}/content", cast_to=str)
