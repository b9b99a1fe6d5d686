"""One builder for each thing that tests need: valid as it comes, changed by keyword."""

from typing import Any

from pressrun.brief import SiteBrief

__all__ = ["a_brief", "brief_fields"]


def brief_fields(**changes: Any) -> dict[str, Any]:
    """The fields of a valid brief, as a file or a form would give them; a change to None leaves the field out."""
    fields = {
        "name": "Harbour Bakery",
        "domain": "harbour-bakery.example",
        "trade": "Sourdough bakery",
        "audience": "People who live near the quay",
        "services": ["Sourdough loaves", "Celebration cakes"],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def a_brief(**changes: Any) -> SiteBrief:
    """A valid brief of a small bakery, in English."""
    return SiteBrief.model_validate(brief_fields(**changes))
