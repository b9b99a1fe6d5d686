"""What a plan needs of its provider, and whether the provider has it.

Invariant: trying costs nothing, because no request is sent that could be answered with content; and only a conclusive
answer refuses a run.
"""

import json
import re
from collections.abc import Callable, Collection
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import openai
from openai import OpenAI
from pydantic import Field

from pressrun.calls import Endpoint
from pressrun.connection import is_loopback, set_proxies
from pressrun.errors import ProviderUnfit, Unreadable
from pressrun.frozen import Frozen
from pressrun.reasons import TRANSIENT
from pressrun.routes.failures import reason_in
from pressrun.routes.provider import Provider
from pressrun.routes.replies import listed, read_reply
from pressrun.untrusted import clean_name, redacted, short
from pressrun.wire import ident, mapping, rows

__all__ = ["ModelList", "Need", "check_provider", "check_service", "list_models"]

SIMULATOR_OWNER = "pressrun-simulator"
"""`owned_by` of every model that our simulator lists, by which a run recognises it."""
MISSING = (404, 405, 501)
"""Answers of a server that does not have what was asked for."""
NO_ENDPOINT = re.compile(r"(?i)\b(unexpected|unknown|unsupported|invalid|no such|no) (endpoint|url|path|route)\b")
"""Words with which some servers say that with status 200 or 400."""
OF_A_MODEL = re.compile(r"(?i)model|deployment")
"""A 404 with such words is about the model, which a probe does not name."""
OF_AN_ENDPOINT = re.compile(r"(?i)endpoint|url|images?/|support|operation")
NO_FILE = "file-pressrun-probe"
"""No file has this id, so no batch of it can run."""


class Need(StrEnum):
    """What a run needs of its provider."""

    CHAT = "/chat/completions"
    IMAGES = "/images/generations"
    BATCHES = "/batches"
    UPLOADS = "/files"
    IMAGE_BATCHES = "images by batch"


LACKS = {
    Need.UPLOADS: "does not take files for batches (/v1/files)",
    Need.IMAGE_BATCHES: "does not take images by batch",
}
SPEED = "Use --prefer speed (or never_batch in the strategy) to run everything in real time, or use another provider."
INSTEAD = {
    Need.CHAT: "Use another provider.",
    Need.IMAGES: "Use another provider.",
    Need.BATCHES: SPEED,
    Need.UPLOADS: SPEED,
    Need.IMAGE_BATCHES: "Set images: never_batch in the strategy to order the images in real time.",
}
"""What to do when a provider lacks something."""


class ModelList(Frozen):
    """What a provider reports about its models."""

    names: frozenset[str] = frozenset()
    """Empty when it has no model list."""
    exists: bool = False
    """Whether there is a list, be it empty."""
    shutdowns: dict[str, date] = Field(default_factory=dict)
    """Only for models with a date."""
    simulated: bool = False
    trusted: bool = False
    """Whether the simulator itself answered, not something in front of it that may answer differently."""


def check_provider(client: OpenAI, base_url: str, needs: Collection[Need], model: str = "") -> Provider:
    """Check, before anything is spent, that the key works and that the provider has what a plan needs.

    `model` is the one that a line of a batch names. Raises `ProviderUnfit` with every fault and the alternatives. A
    server without `GET /models` is accepted.
    """
    models = list_models(client, base_url)
    # Without a list, chat tells whether the address is right. At a wrong one, what else is missing says nothing.
    if not models.exists and (fault := check_service(client, base_url, Need.CHAT, models)):
        raise ProviderUnfit(fault)
    faults = [check_service(client, base_url, need, models, model) for need in sorted(needs)]
    if found := list(dict.fromkeys(filter(None, faults))):
        raise ProviderUnfit("\n".join(found))
    return Provider(base_url=base_url, simulated=models.simulated, shutdowns=models.shutdowns)


def list_models(client: OpenAI, base_url: str) -> ModelList:
    """List the models, which also tests the key. Raises `ProviderUnfit`; a server without the list is accepted."""
    try:
        reply = client.get("/models", cast_to=httpx2.Response)
    except openai.OpenAIError as error:
        if isinstance(error, openai.APIStatusError) and error.status_code in MISSING:
            return ModelList()
        raise ProviderUnfit(_say(error, base_url, "/models")) from None
    body = _read(reply)
    if body is None:
        raise ProviderUnfit(_no_api(base_url, "its response to /models is not JSON"))
    models = [model for model in rows(body) if isinstance(model.get("id"), str)]
    days = {model["id"]: _day(model.get("shutdown_date")) for model in models}
    simulated = any(model.get("owned_by") == SIMULATOR_OWNER for model in models)
    return ModelList(
        names=frozenset(days),
        exists=isinstance(body, list) or "data" in mapping(body),
        shutdowns={name: day for name, day in days.items() if day},
        simulated=simulated,
        trusted=simulated and reply.headers.get("server") == SIMULATOR_OWNER,
    )


def _day(text: Any) -> date | None:
    """An ISO date, or None. Few servers have this field, and anything unreadable in it is ignored."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _read(reply: httpx2.Response) -> Any:
    """The JSON of a reply; None for anything else, such as the web page that a mistyped URL often returns."""
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        return None


def check_service(client: OpenAI, base_url: str, need: Need, models: ModelList, model: str = "") -> str | None:
    """Try one service; returns what is wrong, or None. Only a conclusive answer is a fault.

    It costs nothing: no probe is a request that could be answered. The list of files is not tried, because a run does
    without it.
    """
    if need is Need.BATCHES:
        return _batches_fault(client, base_url)
    tried = (base_url, client.api_key, need)
    # With a list of models, the address is right, and step 08 is the probe of chat: refused, it costs nothing.
    if models.trusted or tried in _FIT or (need is Need.CHAT and models.exists):
        return None
    told = PROBES[need](client.with_options(max_retries=0), model)
    if told is None:
        _FIT.add(tried)
        return None
    if need is Need.CHAT and told.is_missing:
        return _no_api(base_url, "it has neither /models nor /chat/completions")
    if told.status in (401, 403):
        return _refusal(base_url, told, need)
    return _lacks(base_url, need, told)


_FIT: set[tuple[str, str, Need]] = set()
"""What was tried in this process: a fleet's runs share a process, and a command checks before its run does."""


class _Told(NamedTuple):
    """A server's refusal."""

    status: int
    words: str = ""
    """Its own, if it gave any."""

    @property
    def is_missing(self) -> bool:
        """Whether the server lacks what was asked for."""
        if self.status == MISSING[0]:
            return not OF_A_MODEL.search(self.words)
        return self.status in MISSING or bool(NO_ENDPOINT.search(self.words))

    @property
    def status_and_words(self) -> str:
        return f"HTTP {self.status}: {self.words}" if self.words else f"HTTP {self.status}"


def _told(reply: httpx2.Response) -> _Told:
    return _Told(reply.status_code, (reason_in(reply).message or "").rstrip(". "))


def _refused(send: Callable[[], httpx2.Response]) -> _Told | None:
    """Send a probe; returns the refusal. A lost answer says nothing and counts as none."""
    try:
        reply = send()
    except openai.APIStatusError as error:
        return _told(error.response)
    except openai.OpenAIError:
        return None
    return _told(reply) if mapping(_read(reply)).get("error") else None


def _probe(path: str) -> Callable[[OpenAI, str], _Told | None]:
    """Probe an endpoint for single requests, with one that lacks everything."""

    def probe(client: OpenAI, _model: str) -> _Told | None:
        told = _refused(lambda: client.post(path, body={}, cast_to=httpx2.Response))
        return told if told and (told.is_missing or told.status in (401, 403)) else None

    return probe


def _probe_uploads(client: OpenAI, model: str) -> _Told | None:
    """Upload one line as a batch's input file, and delete it."""
    body = {"model": model, "messages": [{"role": "user", "content": "."}], "max_completion_tokens": 1}
    line = {"custom_id": "pressrun-probe", "method": "POST", "url": Endpoint.CHAT.value, "body": body}
    file = ("pressrun-probe.jsonl", json.dumps(line).encode() + b"\n")
    uploaded: list[httpx2.Response] = []

    def upload() -> httpx2.Response:
        uploaded.append(client.files.with_raw_response.create(file=file, purpose="batch").http_response)
        return uploaded[-1]

    told = _refused(upload)
    if uploaded and (file_id := ident(mapping(_read(uploaded[-1])).get("id"))):
        # Where a file cannot be deleted, `pressrun batches clean` and the provider's own limits are left.
        _refused(lambda: client.delete(f"/files/{quote(file_id, safe='')}", cast_to=httpx2.Response))
    return told if told and told.status < 502 and told.status not in (*TRANSIENT, 500) else None


def _probe_image_batches(client: OpenAI, _model: str) -> _Told | None:
    """Order a batch of images without a file, and one of texts if that is refused in words about the endpoint."""

    def order(endpoint: Endpoint) -> _Told | None:
        body = {"input_file_id": NO_FILE, "endpoint": endpoint.value, "completion_window": "24h"}
        return _refused(lambda: client.post("/batches", body=body, cast_to=httpx2.Response))

    images = order(Endpoint.IMAGES)
    if images is None or images.status in TRANSIENT or not OF_AN_ENDPOINT.search(images.words):
        return None
    texts = order(Endpoint.CHAT)
    return None if texts and OF_AN_ENDPOINT.search(texts.words) else images


PROBES: dict[Need, Callable[[OpenAI, str], _Told | None]] = {
    Need.CHAT: _probe(Need.CHAT),
    Need.IMAGES: _probe(Need.IMAGES),
    Need.UPLOADS: _probe_uploads,
    Need.IMAGE_BATCHES: _probe_image_batches,
}


def _batches_fault(client: OpenAI, base_url: str) -> str | None:
    try:
        reply = client.get("/batches?limit=1", cast_to=httpx2.Response)
    except openai.APIStatusError as error:
        told = _told(error.response)
        return _lacks(base_url, Need.BATCHES, told) if told.is_missing else _refusal(base_url, told, Need.BATCHES)
    except openai.OpenAIError as error:
        return _say(error, base_url, Need.BATCHES)
    if _read(reply) is None:
        return _no_api(base_url, "its response to /batches is not JSON")
    try:
        listed(read_reply(reply), Need.BATCHES)
    except Unreadable:
        return _unlisted(base_url, _told(reply))
    return None


def _unlisted(base_url: str, told: _Told) -> str:
    """What is wrong with a server whose list of batches is none, although its status says success."""
    if not told.words:
        return _no_api(base_url, "its response to /batches is not a list of batches")
    return _lacks(base_url, Need.BATCHES, told) if told.is_missing else _refusal(base_url, told, Need.BATCHES)


def _lacks(base_url: str, need: Need, told: _Told) -> str:
    lacks = LACKS.get(need, f"has no /v1{need}")
    words = f' It says: "{told.words}".' if told.words else ""
    return f"{base_url} {lacks}, which this plan needs.{words} Nothing was spent. {INSTEAD[need]}"


def _no_api(base_url: str, why: str) -> str:
    return (
        f"{base_url} is not an OpenAI-compatible API: {why}. Nothing was spent. Check OPENAI_BASE_URL, which normally "
        "ends in /v1."
    )


def _say(error: openai.OpenAIError, base_url: str, asked: str) -> str:
    if isinstance(error, openai.APIStatusError):
        return _refusal(base_url, _told(error.response), asked)
    cause = error.__cause__ or error
    why = short(redacted(clean_name(f"{type(cause).__name__}: {cause}")).rstrip(": "), 200)
    return f"{base_url} cannot be reached ({why}). Nothing was spent. Check OPENAI_BASE_URL{_and_the_proxy(base_url)}."


def _and_the_proxy(base_url: str) -> str:
    names = [] if is_loopback(base_url) else set_proxies()
    return f" and the proxy ({', '.join(names)})" if names else ""


def _refusal(base_url: str, told: _Told, asked: str) -> str:
    if told.status in (401, 403):
        address = "" if base_url.endswith("/v1") else ", and OPENAI_BASE_URL, which normally ends in /v1"
        return (
            f"{base_url} refused the key ({told.status_and_words}). Nothing was spent. Check OPENAI_API_KEY{address}."
        )
    if told.status < 500 and told.status not in TRANSIENT:
        return (
            f"{base_url} refused the first check of {asked} ({told.status_and_words}). Nothing was spent. Check "
            "OPENAI_BASE_URL, OPENAI_API_KEY and the server's own settings."
        )
    return (
        f"{base_url} answered the first check of {asked} with {told.status_and_words}. Nothing was spent. Try again "
        "later."
    )
