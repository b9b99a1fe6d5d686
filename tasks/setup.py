"""What Pressrun needs on a Prefect server: work pool, limits, deployments, automations.

Invariant: setting up twice changes nothing. On the server only Pressrun's own objects are touched: those with our
names, and the deployments that prefect.yaml declares.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import BlockDocument
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.workers.process import ProcessWorker
from ruamel.yaml import YAML

from pressrun.errors import Refused
from pressrun.prefect_api import ask_server, configured_server
from pressrun.settings import Settings
from pressrun.up import POOL, THERE, Done
from tasks.pace import BATCHES, IMAGES

__all__ = ["set_automations", "set_limits", "set_up"]

COMPARED = {"name", "description", "trigger", "actions"}
"""The fields that must match the declared automation; whether it is enabled is left to people."""
UNTOLD = {"id", "created", "updated", "version_id", "version_info", "last_polled", "status", "updated_by", "labels"}
"""Fields that deploying changes even when the deployment is the same as before."""


def set_up(settings: Settings, root: Path) -> Iterator[Done]:
    """Set up the server that PREFECT_API_URL names, yielding each action when it is done. Raises `Refused`."""
    if not PREFECT_API_URL.value():
        raise Refused("PREFECT_API_URL is not set, so there is no server to set up. Run `pressrun up` to start one.")
    if (server := configured_server()) and (fault := ask_server(server)):
        raise Refused(fault)
    with get_client(sync_client=True) as client:
        if client.api_healthcheck():
            raise Refused(f"The Prefect server at {client.api_url} does not answer. Start it, or fix PREFECT_API_URL.")
        yield _pool(client)
        yield from set_limits(client, settings)
        yield from _deployments(client, root)
        yield from set_automations(client, settings.notify_block, root / "deployments" / "automations.yaml")


def _pool(client: SyncPrefectClient) -> Done:
    try:
        found = client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
        return Done(verb="created", what=f"work pool {POOL} (process)")
    return Done(verb=THERE, what=f"work pool {POOL} ({found.type})")


def set_limits(client: SyncPrefectClient, settings: Settings) -> Iterator[Done]:
    """The provider's rate limits, which `tasks.pace` enforces."""
    yield _limit(client, IMAGES, settings.images_per_minute, 60, "PRESSRUN_IMAGES_PER_MINUTE")
    yield _limit(client, BATCHES, settings.batches_per_hour, 3600, "PRESSRUN_BATCHES_PER_HOUR")


def _limit(client: SyncPrefectClient, name: str, wanted: int | None, seconds: int, variable: str) -> Done:
    """One slot that is released after its share of the time: never more than `wanted` within any `seconds`."""
    try:
        found = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        found = None
    if wanted is None:
        if not found:
            return Done(verb="not set", what=f"limit {name} ({variable} is not set)")
        client.delete_global_concurrency_limit_by_name(name)
        return Done(verb="removed", what=f"limit {name} ({variable} is not set)")
    what = f"limit {name}: {wanted}"
    fields: dict[str, Any] = {"limit": 1, "active": True, "slot_decay_per_second": wanted / seconds}
    if not found:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, **fields))
        return Done(verb="created", what=what)
    if all(getattr(found, field) == value for field, value in fields.items()):
        return Done(verb=THERE, what=what)
    client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(**fields))
    return Done(verb="updated", what=what)


def _deployments(client: SyncPrefectClient, root: Path) -> Iterator[Done]:
    """Deploy prefect.yaml, and report what that has changed."""
    before = _deployed(client)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    env = os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    if login := PREFECT_API_AUTH_STRING.value():
        env["PREFECT_API_AUTH_STRING"] = str(login)
    deployed = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    if deployed.returncode:
        raise Refused(
            f"prefect.yaml could not be deployed. Prefect's output:\n{deployed.stdout}{deployed.stderr}".rstrip()
        )
    for name, deployment in _deployed(client).items():
        verb = "created" if name not in before else THERE if before[name] == deployment else "updated"
        yield Done(verb=verb, what=f"deployment {name}")


def _deployed(client: SyncPrefectClient) -> dict[str, dict[str, Any]]:
    """The deployments in our pool, by name."""
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    found = client.read_deployments(work_pool_filter=ours)
    flows = {flow_id: client.read_flow(flow_id).name for flow_id in {one.flow_id for one in found}}
    return {f"{flows[one.flow_id]}/{one.name}": _told(one.model_dump(mode="json")) for one in found}


def _told(deployment: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in deployment.items() if name not in UNTOLD}
    # An interval without its own anchor starts anew with each deployment.
    told["schedules"] = [
        {"active": one["active"], "parameters": one["parameters"], **one["schedule"], "anchor_date": None}
        for one in deployment["schedules"]
    ]
    return told


def set_automations(client: SyncPrefectClient, block: str | None, file: Path) -> Iterator[Done]:
    """The declared automations, which send through `block`; without a block there are none."""
    declared: list[dict[str, Any]] = YAML(typ="safe").load(file.read_text("utf-8"))["automations"]
    found = {one["name"]: client.read_automations_by_name(one["name"]) for one in declared}
    if block is None:
        yield from _remove(client, [automation for same in found.values() for automation in same])
        return
    block_id, fault = _notification_block(client, block)
    if not block_id:
        yield Done(verb="missing", what=f"notifications: {fault}, then run `pressrun setup`")
        return
    for one in declared:
        actions = [{**action, "block_document_id": str(block_id)} for action in one["actions"]]
        yield _automation(client, AutomationCore.model_validate({**one, "actions": actions}), found[one["name"]])


def _remove(client: SyncPrefectClient, automations: list[Automation]) -> Iterator[Done]:
    for one in automations:
        client.delete_automation(one.id)
        yield Done(verb="removed", what=f"automation {one.name!r}")
    if not automations:
        yield Done(verb="not set", what="notifications (PRESSRUN_NOTIFY_BLOCK is not set)")


def _notification_block(client: SyncPrefectClient, name: str) -> tuple[UUID | None, str]:
    """The block that sends notifications, or what to do when it cannot be used."""
    kind, _, own_name = name.partition("/")
    try:
        found: BlockDocument = client.read_block_document_by_name(own_name, kind)
    except ObjectNotFound:
        return None, f"there is no block {name}. Create it in the UI (Blocks)"
    if not found.block_schema or "notify" not in found.block_schema.capabilities:
        return None, f"the block {name} cannot send notifications. Name another in PRESSRUN_NOTIFY_BLOCK"
    return found.id, ""


def _automation(client: SyncPrefectClient, wanted: AutomationCore, found: list[Automation]) -> Done:
    what = f"automation {wanted.name!r}"
    if not found:
        client.create_automation(wanted)
        return Done(verb="created", what=what)
    [existing, *_] = found
    if existing.model_dump(include=COMPARED) == wanted.model_dump(include=COMPARED):
        return Done(verb=THERE, what=what)
    client.update_automation(existing.id, wanted.model_copy(update={"enabled": existing.enabled}))
    return Done(verb="updated", what=what)
