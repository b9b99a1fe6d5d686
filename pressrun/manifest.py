"""`manifest.json`: a record of every call that went into a site, for audits.

Invariant: each payment occurs once, `complete` is true only when no ordered item is missing, and `files` has the hash
of every file as Pressrun wrote it, so that what a person changed later can be told from it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import Field

from pressrun import __version__
from pressrun.batchfile import Account
from pressrun.calls import Endpoint, Foreign, MissingItem, canonical_json
from pressrun.costs.ledger import LedgerRow
from pressrun.frozen import Frozen
from pressrun.gates import Gate
from pressrun.site import Site

__all__ = [
    "MANIFEST",
    "BatchRecord",
    "Decision",
    "account_hash",
    "file_hash",
    "manifest",
    "with_decision",
    "with_files",
]

MANIFEST = "manifest.json"
"""Its name in the bundle."""


class BatchRecord(Account):
    """The record of one batch: `submitted` = `answered` + `failed` + `unanswered`."""

    id: str
    endpoint: Endpoint
    model: str
    status: Foreign
    created_at: datetime
    after: str | None = None
    """Id of the batch whose unanswered lines this one retried."""
    sites: int = 1
    """How many sites shared it; its figures cover all of them."""
    discrepancies: list[Foreign] = Field(default_factory=list)
    """Where the provider's own totals differ from its lines, as messages."""


class Decision(Frozen):
    """A person's decision about a site, or the policy's decision when nobody decided in time."""

    about: Gate
    version: int
    """The version of the configuration, or the attempt at the delivery, counted from 1."""
    decision: str
    """`approve`, `new version` or `stop`."""
    by: str
    """The given name, or the policy; empty when no name was given."""
    notes: str
    edited: list[str]
    """Fields that were changed by hand."""
    at: datetime


def manifest(
    site: Site,
    rows: Iterable[LedgerRow],
    batches: Iterable[BatchRecord],
    decisions: Iterable[Decision] = (),
    *,
    run_id: str,
    made_at: datetime,
    made_from: str = "",
) -> dict[str, Any]:
    """The manifest as JSON-ready data; amounts are unrounded text. `made_from` is the hash from `fleet.made_from`."""
    return {
        "site": site.brief.slug,
        "domain": site.brief.domain,
        "generator": f"pressrun {__version__}",
        "made_at": made_at.isoformat(),
        "flow_run_id": run_id,
        "simulated": site.simulated,
        "made_from": made_from,
        "complete": not site.missing,
        "missing": [_missing(item) for item in site.missing],
        "warnings": site.warnings,
        "decisions": [decision.model_dump(mode="json") for decision in decisions],
        "batches": [batch.model_dump(mode="json") for batch in batches],
        "calls": [_call(row) for row in rows],
    }


def with_files(account: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest with the SHA-256 of each of the bundle's `files`, and of itself without these."""
    hashes = {name: file_hash(data) for name, data in sorted(files.items()) if name != MANIFEST}
    return _sealed({**account, "files": hashes})


def with_decision(account: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    """The manifest of a finished site with a later decision added; the files' hashes stay."""
    return _sealed({**account, "decisions": [*account["decisions"], decision.model_dump(mode="json")]})


def file_hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def account_hash(account: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest's content besides `files`."""
    return file_hash(canonical_json({name: value for name, value in account.items() if name != "files"}).encode())


def _sealed(account: dict[str, Any]) -> dict[str, Any]:
    return {**account, "files": {**account.get("files", {}), MANIFEST: account_hash(account)}}


def _missing(item: MissingItem) -> dict[str, str]:
    return {"step": item.step, "item": item.item, "reason": item.reason}


def _call(row: LedgerRow) -> dict[str, Any]:
    return {
        "id": row.call_id,
        "step": row.step,
        "item": row.item,
        "route": row.route,
        "tier": row.tier,
        "model": row.model,
        "status": row.status,
        "usage": row.usage.model_dump(),
        "usage_known": row.usage_known,
        "cost_usd": str(row.cost_usd),
        "batch_id": row.batch_id,
        "reused": row.reused,
    }
