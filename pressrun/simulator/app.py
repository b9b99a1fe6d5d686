"""The HTTP application: which path does what.

Invariant: no blocking code runs in the event loop, and painting has its own threads, so polls are answered while images
are painted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pressrun.private import state_folder
from pressrun.simulator.answers import CHAT, IMAGES, answer
from pressrun.simulator.batches import Batch, Batches
from pressrun.simulator.bill import Bill
from pressrun.simulator.database import Database
from pressrun.simulator.envelope import Envelope
from pressrun.simulator.errors import ApiError, invalid_value, missing, not_simulated
from pressrun.simulator.faults import Faults, FaultScript, spoiled
from pressrun.simulator.files import DEFAULT_LIFETIME, Files
from pressrun.simulator.inspection import INSPECTION
from pressrun.simulator.interference import Interference
from pressrun.simulator.journal import Journal
from pressrun.simulator.models import available_models, find_model, today
from pressrun.simulator.prompt_cache import PromptCache
from pressrun.simulator.requests import file_lifetime, new_batch, page_limit, read_json
from pressrun.simulator.runner import Runner

__all__ = ["create_app"]

PAINTERS = 2
"""Images that are painted concurrently for POST /v1/images/generations."""
LARGEST_UPLOAD = 200_000_000
"""Maximum bytes of a batch's input file; OpenAI's limit is 200 MB."""
COPY_CHUNK = 1 << 20


@dataclass(frozen=True)
class Provider:
    """What the endpoints share."""

    files: Files
    batches: Batches
    runner: Runner
    cache: PromptCache
    journal: Journal
    realtime_seconds: float
    faults: Faults
    bill: Bill
    painters: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(PAINTERS))


def create_app(
    state_dir: Path,
    *,
    batch_seconds: float = 5.0,
    realtime_seconds: float = 0.0,
    window_seconds: float = 86_400.0,
    faults: FaultScript | None = None,
) -> Starlette:
    """An OpenAI-compatible provider that keeps its files and batches in `state_dir`.

    A batch takes `batch_seconds` in total and expires `window_seconds` after its creation; both are fixed when it is
    created. A real-time reply takes at least `realtime_seconds`. `faults` are the faults to inject. Only one
    application may use a folder at a time.
    Raises `OSError` when the folder cannot be created.
    """
    state_folder(state_dir)
    journal = Journal()
    struck = Faults(faults or FaultScript())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = Database(state_dir / "state.sqlite3")
        files = Files(database, state_dir / "files")
        batches = Batches(database, batch_seconds=batch_seconds, window_seconds=window_seconds, faults=struck)
        cache = PromptCache()
        bill = Bill()
        runner = Runner(database, files, batches, cache, struck, bill)
        app.state.provider = Provider(files, batches, runner, cache, journal, realtime_seconds, struck, bill)
        runner.start()
        yield
        await run_in_threadpool(runner.stop)
        database.close()

    return Starlette(
        routes=ROUTES,
        middleware=[Middleware(Envelope, journal=journal), Middleware(Interference, faults=struck)],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_route, Exception: _fail},
        lifespan=lifespan,
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status)


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        message = f"Could not parse the request: {error.detail}"
    else:
        message = f"Invalid URL ({request.method} {request.url.path})"
    return JSONResponse(ApiError(error.status_code, message).body, error.status_code)


async def _fail(_request: Request, _error: Exception) -> Response:
    """The response to an error of the simulator itself; Starlette re-raises it, and uvicorn logs the traceback."""
    return JSONResponse(ApiError(500, "The simulator had an error; its log has the traceback.").body, 500)


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


def _note(request: Request, **about: str) -> None:
    request.scope["state"]["about"].update(about)


async def _chat(request: Request) -> Response:
    return await _answer(request, CHAT, None)


async def _images(request: Request) -> Response:
    return await _answer(request, IMAGES, _provider(request).painters)


async def _answer(request: Request, endpoint: str, limiter: anyio.CapacityLimiter | None) -> Response:
    provider = _provider(request)
    body = await read_json(request)
    _note(request, model=str(body.get("model")))
    await anyio.sleep(provider.realtime_seconds)
    reply = await anyio.to_thread.run_sync(lambda: answer(endpoint, body, provider.cache), limiter=limiter)
    provider.bill.add(str(body["model"]), reply, batch=False)
    fault = provider.faults.of_reply(body) if endpoint == CHAT else None
    return JSONResponse(spoiled(reply, fault) if fault else reply)


async def _list_models(_request: Request) -> Response:
    return JSONResponse({"object": "list", "data": [model.wire() for model in available_models(today())]})


async def _get_model(request: Request) -> Response:
    return JSONResponse(find_model(request.path_params["model"], today()).wire())


async def _upload(request: Request) -> Response:
    async with request.form() as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise missing("file")
        _check_upload(upload, form.get("purpose"))
        lifetime = file_lifetime(form)
        chunks = iter(lambda: upload.file.read(COPY_CHUNK), b"")
        files, filename = _provider(request).files, str(upload.filename)
        stored = await run_in_threadpool(files.add, chunks, filename, "batch", lifetime or DEFAULT_LIFETIME)
    if lifetime is None:
        # OpenAI reports the default expiry only in later requests for the file.
        stored["expires_at"] = None
    _note(request, file=stored["id"])
    return JSONResponse(stored)


def _check_upload(upload: UploadFile, purpose: object) -> None:
    if purpose is None:
        raise missing("purpose")
    if purpose != "batch":
        raise not_simulated("purpose", f"A file for the purpose '{purpose}'")
    if not (upload.filename or "").endswith(".jsonl"):
        raise invalid_value("file", "Invalid file format for Batch API. Must be .jsonl", code="invalid_file_format")
    if (upload.size or 0) > LARGEST_UPLOAD:
        message = f"File is too large for Batch API. Maximum size is {LARGEST_UPLOAD} bytes."
        raise invalid_value("file", message, code="file_too_large")


async def _list_files(request: Request) -> Response:
    query = request.query_params
    ascending = query.get("order", "desc") == "asc"
    limit = page_limit(request, default=10_000, most=10_000)
    page = _provider(request).files.page
    objects, has_more = await run_in_threadpool(
        page, limit, query.get("after"), query.get("purpose"), ascending=ascending
    )
    return _page(objects, has_more)


async def _get_file(request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(_provider(request).files.get, request.path_params["file"]))


async def _get_content(request: Request) -> Response:
    files = _provider(request).files
    stored = await run_in_threadpool(files.get, request.path_params["file"])
    return FileResponse(files.path(stored["id"]), media_type="application/octet-stream")


async def _delete_file(request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(_provider(request).files.delete, request.path_params["file"]))


async def _create_batch(request: Request) -> Response:
    body = await read_json(request)
    _note(request, endpoint=str(body.get("endpoint")))
    batch = await run_in_threadpool(_create, _provider(request), body)
    _note(request, batch=batch.id)
    return JSONResponse(batch.wire())


def _create(provider: Provider, body: dict[str, Any]) -> Batch:
    wanted = new_batch(body)
    try:
        stored = provider.files.get(wanted.input_file_id)
    except ApiError:
        message = f"Cannot find file {wanted.input_file_id}, or this project may not have access to it."
        raise invalid_value("input_file_id", message) from None
    if stored["purpose"] != "batch":
        raise invalid_value("input_file_id", "The file's purpose must be 'batch'.")
    batch = provider.batches.create(wanted)
    provider.runner.nudge()
    return batch


async def _list_batches(request: Request) -> Response:
    limit = page_limit(request, default=20, most=100)
    page = _provider(request).batches.page
    batches, has_more = await run_in_threadpool(page, limit, request.query_params.get("after"))
    return _page([batch.wire() for batch in batches], has_more)


async def _get_batch(request: Request) -> Response:
    batch = await run_in_threadpool(_provider(request).batches.shown, request.path_params["batch"])
    return JSONResponse(batch.wire())


async def _cancel_batch(request: Request) -> Response:
    provider = _provider(request)
    batch = await run_in_threadpool(provider.batches.cancel, request.path_params["batch"])
    provider.runner.nudge()
    return JSONResponse(batch.wire())


def _page(objects: list[dict[str, Any]], has_more: bool) -> Response:
    ids = [listed["id"] for listed in objects] or [None]
    return JSONResponse(
        {"object": "list", "data": objects, "first_id": ids[0], "last_id": ids[-1], "has_more": has_more}
    )


ROUTES = [
    Route(CHAT, _chat, methods=["POST"]),
    Route(IMAGES, _images, methods=["POST"]),
    Route("/v1/models", _list_models),
    Route("/v1/models/{model}", _get_model),
    Route("/v1/files", _list_files),
    Route("/v1/files", _upload, methods=["POST"]),
    Route("/v1/files/{file}", _get_file),
    Route("/v1/files/{file}", _delete_file, methods=["DELETE"]),
    Route("/v1/files/{file}/content", _get_content),
    Route("/v1/batches", _list_batches),
    Route("/v1/batches", _create_batch, methods=["POST"]),
    Route("/v1/batches/{batch}", _get_batch),
    Route("/v1/batches/{batch}/cancel", _cancel_batch, methods=["POST"]),
    *INSPECTION,
]
