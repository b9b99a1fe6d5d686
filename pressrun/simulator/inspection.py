"""Endpoints that only a simulator has: its requests, its bill, and its faults.

Invariant: reading changes nothing; only posting a fault script does.
"""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pressrun.simulator.errors import ApiError
from pressrun.simulator.faults import FaultScript
from pressrun.simulator.requests import read_json

__all__ = ["INSPECTION"]


async def _journal(request: Request) -> Response:
    return JSONResponse(request.app.state.provider.journal.entries())


async def _stats(request: Request) -> Response:
    return JSONResponse(request.app.state.provider.journal.counts())


async def _bill(request: Request) -> Response:
    return JSONResponse(request.app.state.provider.bill.items())


async def _get_faults(request: Request) -> Response:
    faults = request.app.state.provider.faults
    return JSONResponse({"left": faults.left, "struck": faults.struck, "script": faults.script.model_dump(mode="json")})


async def _set_faults(request: Request) -> Response:
    try:
        script = FaultScript.model_validate(await read_json(request))
    except ValidationError as error:
        raise ApiError(422, str(error)) from None
    request.app.state.provider.faults.replace(script)
    return await _get_faults(request)


INSPECTION = [
    Route("/simulator/journal", _journal),
    Route("/simulator/stats", _stats),
    Route("/simulator/bill", _bill),
    Route("/simulator/faults", _get_faults),
    Route("/simulator/faults", _set_faults, methods=["POST"]),
]
