"""Session ids, session tokens and keys: made, compared, and named in logs without being told."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

TOKEN_BYTES = 32
ID_BYTES = 12


def new_id() -> str:
    """Not a secret, and yet nothing that could be guessed."""
    return secrets.token_hex(ID_BYTES)


def new_token() -> str:
    """A secret of 256 bits that fits into a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret, and compared."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_one_of(secret: str | None, digests: Iterable[bytes]) -> bool:
    """Whether `secret` is one of those; takes the same time whichever it is."""
    if secret is None:
        return False
    given = digest(secret)
    found = False
    for known in digests:
        found |= hmac.compare_digest(given, known)
    return found


def in_logs(secret: str | None) -> str:
    """Enough to tell two secrets apart in a log."""
    return f"sha256:{digest(secret).hex()[:8]}" if secret else "none"


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header, None where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
