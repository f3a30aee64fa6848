"""How people are told apart without their names: natural ids and aliases become keyed digests.

HMAC-SHA256 (RFC 2104) under a key that lies outside of lake and store, so that nobody who has those can try out ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from dataclasses import dataclass
from typing import Any

BLANKS = " \t\n\r\f\v\u00a0"
"""What may stand around an id without being part of it."""
ID, ALIAS = "id:", "alias:"
_FINGERPRINT = b"tillage: which key this is"


def id_prefix(subject: str) -> str:
    """What stands before a natural id of that kind of people in the text whose digest is taken."""
    return f"{ID}{subject}:"


def alias_prefix(subject: str) -> str:
    """As `id_prefix`, before a further identifier, which is compared without case (NFC, lower case)."""
    return f"{ALIAS}{subject}:"


def spelt_alias(alias: str) -> str:
    """A further identifier as it is compared; case is that of DuckDB and PostgreSQL, character by character."""
    return "".join(letter.lower()[0] for letter in unicodedata.normalize("NFC", alias.strip(BLANKS)))


def hashed(value: Any, key: bytes) -> Any:
    """A JSON value with HMAC-SHA256 in hex for each text, number, true and false in it; null stays null."""
    if isinstance(value, dict):
        return {name: hashed(member, key) for name, member in value.items()}
    if isinstance(value, list):
        return [hashed(member, key) for member in value]
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


@dataclass(frozen=True)
class IndexKey:
    """The key of the index of people; its 32 bytes are in no message."""

    secret: bytes

    def __repr__(self) -> str:
        return "IndexKey(..)"

    def digest(self, text: str) -> bytes:
        """32 bytes."""
        return hmac.digest(self.secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def id_digest(self, subject: str, natural_id: str) -> bytes:
        """That of a natural id, as the index has it."""
        return self.digest(id_prefix(subject) + natural_id.strip(BLANKS))

    def alias_digest(self, subject: str, alias: str) -> bytes:
        """That of a further identifier, which is compared as `spelt_alias` spells it."""
        return self.digest(alias_prefix(subject) + spelt_alias(alias))

    @property
    def fingerprint(self) -> bytes:
        """Tells one key from another, and nothing of either."""
        return hmac.digest(self.secret, _FINGERPRINT, hashlib.sha256)

    def pads(self) -> tuple[bytes, bytes]:
        """Inner and outer block of HMAC: with them it is two plain SHA-256, which engines have."""
        key = self.secret.ljust(64, b"\0")
        return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


@dataclass(frozen=True)
class Keys:
    """The keys of one environment."""

    index: IndexKey
    files: bytes
    """Of digests of files, 32 bytes; it stays as it is, since nobody keeps the bytes to make them anew."""
    suppression: tuple[IndexKey, ...] = ()
    """A ring, the newest first: who was erased is known by the key of that day, and nobody has the id to make another
    digest."""
    signing: bytes = b""
    """Seed of the Ed25519 key that signs receipts of erasures, 32 bytes."""

    def __repr__(self) -> str:
        return "Keys(..)"
