"""YAML files that no person writes are refused in a moment, with what to do."""

from __future__ import annotations

import pytest

from tillage.contracts.document import read_document
from tillage.errors import ContractError

_BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]\n", "line 1: is nested too deeply, or its aliases"),
        ("x: 1\na: &a {b: *a}\n", "line 2: is nested too deeply, or its aliases"),
        (_BOMB, "unfold to too much; write it out without aliases"),
        ("a: " + "[" * 200 + "]" * 200, "is nested too deeply"),
        ("a: " + "[" * 100_000, "is nested too deeply|not YAML"),
        ("a: " + "x" * 4_000_000, "has 4,000,003 characters; at most"),
    ],
    ids=["list in itself", "mapping in itself", "aliases of aliases", "deep", "very deep", "long"],
)
def test_yaml_that_unfolds_without_end_is_refused(text: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        read_document("c.yaml", text, ContractError)


def test_alias_that_is_used_twice_is_fine() -> None:
    found = read_document("c.yaml", "a: &a {b: [1, 2]}\nc: *a\nd: *a\n", ContractError)
    assert found.data["c"] == found.data["d"] == {"b": [1, 2]}
