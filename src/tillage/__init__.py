"""A commerce data house: importing this package loads no driver and opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from tillage.api.python import OpenProject

__all__ = ["__version__", "open"]
__version__ = "0.1.0"


def open(project: str | os.PathLike[str] = ".", *, env: str | None = None) -> OpenProject:  # noqa: A001  (read as `tillage.open`)
    """The project in that folder or above it, to be read from Python: `tillage.open(".").query("from gold.spend")`.

    `env` is the name of one of its environments, as `--env` is; without it TILLAGE_ENV says it.

    Raises:
        TillageError: there is no project, or something in it is wrong; the message says what to do.
    """
    from tillage.api.python import OpenProject  # noqa: PLC0415  (drivers are loaded when they are needed)

    return OpenProject(project, env)
