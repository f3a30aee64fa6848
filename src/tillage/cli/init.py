"""`tillage init`: copies an example project."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tillage.contracts.document import nearest
from tillage.errors import OperatorError


def make_project(template: str, folder: Path) -> list[str]:
    """Copies the template into `folder`; the files made, relative to it, sorted.

    Raises:
        OperatorError: no such template, or the folder has something in it.
    """
    templates = resources.files("tillage").joinpath("templates")
    known = sorted(
        entry.name for entry in templates.iterdir() if entry.is_dir() and not entry.name.startswith(("_", "."))
    )
    if template not in known:
        raise OperatorError(f"no template '{template}'{nearest(template, known)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OperatorError(f"{folder} is not an empty folder; choose another name, or empty it")
    made: list[str] = []
    try:
        _copy(templates.joinpath(template), folder, "", made)
    except OSError as wrong:
        raise OperatorError(f"{folder} cannot be written: {wrong.strerror}") from None
    return sorted(made)


def _copy(source: Traversable, target: Path, prefix: str, made: list[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name, f"{prefix}{entry.name}/", made)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
            made.append(prefix + entry.name)
