"""The models that users are shown: those of the templates, and those in the documents."""

from __future__ import annotations

import re
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
_DOCUMENTS = [_REPOSITORY / "README.md", *sorted((_REPOSITORY / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _in_documents() -> list[str]:
    found = [block for page in _DOCUMENTS for block in _BLOCK.findall(page.read_text(encoding="utf-8"))]
    return [block for block in found if "gold." not in block]  # those are asked of models


def _in_templates() -> list[str]:
    folder = _REPOSITORY / "src" / "tillage" / "templates"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*/models/*.sql"))]


MODELS = [*_in_templates(), *_in_documents()]
