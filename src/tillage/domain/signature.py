"""Signatures of receipts: Ed25519 (RFC 8032) over JSON with sorted names and no blanks."""

from __future__ import annotations

import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

UNSIGNED = ("public_key", "signature")


def public_key(seed: bytes) -> str:
    """32 bytes, in hex, by which everybody can check what is signed with the seed."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def sign(seed: bytes, body: dict[str, Any]) -> str:
    """64 bytes, in hex."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(_signed(body)).hex()


def is_signed(document: dict[str, Any], key: str) -> bool:
    """Whether the document, as it is, was signed by who has the key's other half."""
    body = {name: value for name, value in document.items() if name not in UNSIGNED}
    try:
        signature = bytes.fromhex(str(document.get("signature")))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, _signed(body))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
