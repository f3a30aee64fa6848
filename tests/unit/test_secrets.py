"""Secrets are read from variables and files, and no message shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tillage.domain.secret import Kept, Secret, read_reference
from tillage.errors import OperatorError
from tillage.secrets import read_secret
from tillage.settings import read_settings

CANARY = "host=db password=Quince-7"
REFERENCES = {
    "${env:SHOP_DSN}": Secret(Kept.ENV, "SHOP_DSN"),
    "${file:/run/secrets/shop dsn}": Secret(Kept.FILE, "/run/secrets/shop dsn"),
    "${file:safe/dsn}": Secret(Kept.FILE, "safe/dsn"),
}
NO_REFERENCES = ["", CANARY, "$SHOP_DSN", "${SHOP_DSN}", "${env:}", "${env:1A}", "${file:}", "${file: }", "${file:a}b"]
NO_REFERENCES += ["${file:a${env:B}}", "${env:A}\n", "${vault:a}", "${file:a\nb}", "x${env:A}"]


@pytest.mark.parametrize("text", REFERENCES)
def test_reference_is_read(text: str) -> None:
    assert read_reference(text) == REFERENCES[text]


@pytest.mark.parametrize("text", NO_REFERENCES)
def test_anything_else_is_no_reference(text: str) -> None:
    assert read_reference(text) is None


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_file_holds_the_secret_with_or_without_a_line_end(tmp_path: Path, end: str) -> None:
    (tmp_path / "dsn").write_bytes(f"{CANARY}{end}".encode())
    settings = read_settings({})
    for name in ("dsn", str(tmp_path / "dsn")):
        assert read_secret(tmp_path, Secret(Kept.FILE, name), settings, "the DSN") == CANARY
    (tmp_path / "link").symlink_to("dsn")  # as Kubernetes mounts them
    assert read_secret(tmp_path, Secret(Kept.FILE, "link"), settings, "the DSN") == CANARY


def test_variable_holds_the_secret() -> None:
    assert read_secret(Path(), Secret(Kept.ENV, "A"), read_settings({"A": CANARY}), "the DSN") == CANARY


def test_what_is_missing_or_wrong_is_named_and_never_shown(tmp_path: Path) -> None:
    for name, held in {
        "empty": b"\n",
        "lines": f"{CANARY}\n{CANARY}\n".encode(),
        "nul": f"{CANARY}\0".encode(),
        "long": CANARY.encode() * 10_000,
        "binary": CANARY.encode() + b"\xff",
    }.items():
        (tmp_path / name).write_bytes(held)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    says = {
        "absent": "does not exist; mount or write it",
        "empty": "is empty; write the secret into it",
        "lines": "has more than one line; it holds the secret and nothing else",
        "nul": "has more than one line; it holds the secret and nothing else",
        "long": "has more than 65,536 bytes; it holds the secret and nothing else",
        "binary": "is not UTF-8; write it as UTF-8",
        "folder": "is no regular file; write the secret into one",
        "pipe": "is no regular file; write the secret into one",
    }
    for name, said in says.items():
        with pytest.raises(OperatorError) as wrong:
            read_secret(tmp_path, Secret(Kept.FILE, name), read_settings({}), "the DSN of environment prod")
        assert str(wrong.value) == f"the DSN of environment prod is in file {name}, which {said}"
    with pytest.raises(OperatorError, match=r"the DSN is in SHOP_DSN, which is not set: set it, like SHOP_DSN=\.\.\."):
        read_secret(tmp_path, Secret(Kept.ENV, "SHOP_DSN"), read_settings({"SHOP_DSN": ""}), "the DSN")
