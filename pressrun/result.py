"""`BuildResult`: what a run delivered and what it cost, for whoever started it."""

from decimal import Decimal
from typing import TYPE_CHECKING

from pressrun.calls import MissingItem
from pressrun.frozen import Frozen
from pressrun.links import Links
from pressrun.site import Site

if TYPE_CHECKING:
    from pressrun.costs.report import CostReport

__all__ = ["BuildResult", "build_result"]


class BuildResult(Frozen):
    """One site's outcome; money in USD."""

    slug: str
    bundle: str
    """The site's folder: an absolute path, or a URL if it was uploaded."""
    links: Links
    """Links to the preview, the bundle and the cost report."""
    complete: bool
    missing: list[MissingItem]
    warnings: int
    """Notes that an editor should check; the manifest and the preview list them."""
    cost_usd: Decimal
    """The cost of everything in the bundle, whichever run paid for it."""
    reused_usd: Decimal
    """The part of it that earlier runs paid."""
    realtime_usd: Decimal
    """The real-time cost of the same usage, which is the baseline of the saving."""
    unknown_usd: Decimal = Decimal(0)
    """The part of `cost_usd` that is assumed: the most that calls of unknown usage can have cost."""
    simulated: bool

    def file(self, name: str) -> str:
        """Where a file of the bundle is, such as `costs.html`."""
        return f"{self.bundle}/{name}"


def build_result(site: Site, report: "CostReport", bundle: str, links: Links) -> BuildResult:
    """Summarise a site that was delivered at `bundle`."""
    return BuildResult(
        slug=site.brief.slug,
        bundle=bundle,
        links=links,
        complete=not site.missing,
        missing=site.missing,
        warnings=len(site.warnings),
        cost_usd=report.total,
        reused_usd=report.reused,
        realtime_usd=report.realtime_total,
        unknown_usd=report.unknown,
        simulated=site.simulated,
    )
