"""The bundle: the folder in which one site is delivered.

Invariant: a bundle that is there is whole; see `writer` for how it is written and `layout` for what goes by which name.
"""

from pressrun.bundle.assemble import write_bundle

__all__ = ["write_bundle"]
