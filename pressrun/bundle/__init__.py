"""The bundle: the folder in which one site is delivered.

Invariant: an existing bundle is complete; see `writer` for how it is written and `layout` for the names in it.
"""

from pressrun.bundle.assemble import write_bundle

__all__ = ["write_bundle"]
