"""An OpenAI-compatible server for machines without a key: Files, Batches, Chat Completions and Images over real HTTP.

Invariant: it enforces what OpenAI enforces and shares no assumptions with the client, so that success here cannot come
from two matching mistakes. Every reply has the header `x-pressrun-simulator: 1`.
"""

from pressrun.simulator.app import create_app
from pressrun.simulator.faults import FaultScript
from pressrun.simulator.server import running_simulator, serve

__all__ = ["FaultScript", "create_app", "running_simulator", "serve"]
