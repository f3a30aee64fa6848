"""Pages as HTML: every value is escaped, none may be missing, and the style sheet's name changes with its text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def style() -> tuple[str, bytes]:
    """The path of the style sheet, and its bytes."""
    text = resources.files("tillage.pages").joinpath("style.css").read_bytes()
    return f"/style-{hashlib.sha256(text).hexdigest()[:12]}.css", text


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("tillage.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """The page in UTF-8."""
    return _templates().get_template(template).render({"style": style()[0], **values}).encode()
