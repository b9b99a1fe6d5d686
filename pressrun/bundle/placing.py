"""Puts a bundle in its place without harm to what is there.

Invariant: what is there is replaced only by the same site, a complete bundle only by a complete one, and a folder in
which a person changed or added something is kept under another name.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pressrun.brief import SiteBrief
from pressrun.bundle.existing import Identity, account_in, beside, differences, is_better, objection_to
from pressrun.bundle.remote import UNSPENT, local_folder, objection_at
from pressrun.bundle.writer import Settled, kept_name, write_folder
from pressrun.errors import DestinationUnfit, Occupied

__all__ = ["check_existing", "place_bundle"]


def check_existing(out: str, brief: SiteBrief, *, simulated: bool) -> None:
    """Raise `DestinationUnfit` when what is at the site's place in `out` (a folder or a URL) must not be replaced."""
    new = Identity.of(brief, simulated=simulated)
    folder = local_folder(out)
    try:
        found = (
            objection_to(folder / brief.slug, new) if folder else objection_at(f"{out.rstrip('/')}/{brief.slug}", new)
        )
    except OSError as error:
        raise DestinationUnfit(f"What is at {out}/{brief.slug} cannot be read ({error}). {UNSPENT}") from error
    if found:
        raise DestinationUnfit(f"{found} {UNSPENT}")


def place_bundle(target: Path, files: Mapping[str, bytes], new: Identity, report: Callable[[str], None]) -> Path:
    """Write the bundle `new` to `target`, or beside it when it is incomplete and a complete one is there.

    Returns the folder. `report` is told what was kept, and where. Raises `Occupied` when `target` has something else.
    """
    said: list[str] = []

    def settle(wanted: Path) -> Settled:
        place = wanted
        _require_free(wanted, new)
        if is_better(account_in(wanted), new):
            place = Path(beside(str(wanted)))
            _require_free(place, new)
            said.append(f"The bundle in {wanted} is complete and stays. The incomplete one is in {place}.")
        changed = differences(place) if place.exists() else []
        kept = kept_name(place) if changed else None
        if kept:
            said.append(f"{place} had changes ({_some(changed)}). It is kept as {kept}.")
        return Settled(place, kept)

    place = write_folder(target, files, settle, said.append)
    if new.complete:
        said += _remove_superseded(Path(beside(str(target))), new)
    for text in said:
        report(text)
    return place


def _require_free(place: Path, new: Identity) -> None:
    if found := objection_to(place, new):
        raise Occupied(f"The bundle was not delivered. {found} Everything paid for is kept. Run again to deliver it.")


def _remove_superseded(lesser: Path, new: Identity) -> list[str]:
    """Remove an incomplete bundle that a complete one follows, unless somebody changed something in it.

    Returns what is to be said when that fails: the complete one is delivered all the same.
    """
    try:
        if lesser.is_dir() and not objection_to(lesser, new) and not differences(lesser):
            shutil.rmtree(lesser)
    except OSError as error:
        return [f"The incomplete bundle in {lesser} is no longer needed, but cannot be removed ({error})."]
    return []


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
