"""Whom a client trusts over https, and what it says where it does not."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from avatar_engine.errors import UsageError

Trust: TypeAlias = ssl.SSLContext | bool
"As httpx2 takes it: True: who the system trusts; False: there is no TLS, and certificates take long to load."


def trust(url: str, ca: str | Path | None) -> Trust:
    """For a server at `url`, such as https://10.0.0.7:8443: those whose certificates the PEM file `ca` holds,
    and nobody else; None: those whom the system trusts. UsageError for a file that cannot be used, and for
    one that plain http has no use for."""
    is_tls = urlsplit(url).scheme == "https"
    if ca is None:
        return is_tls
    if not is_tls:
        raise UsageError(f"ca {ca}: of no use for {url}; the address begins with https:// where there is TLS")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError whose strerror says nothing to people
        reason = "no PEM certificate in it" if isinstance(error, ssl.SSLError) else _reason(error)
        raise UsageError(
            f"ca {ca}: {reason}; expected a PEM file with the server's certificate or its authority's"
        ) from None
    context.verify_flags |= (
        ssl.VERIFY_X509_PARTIAL_CHAIN
    )  # a certificate that somebody signed is enough alone
    return context


def distrust(error: BaseException) -> str | None:
    """What to do where a connection failed by the server's certificate, on one line; None where by something
    else."""
    while not isinstance(error, ssl.SSLCertVerificationError):
        cause = error.__cause__ or error.__context__
        if cause is None:
            return None
        error = cause
    reason = " ".join((error.verify_message or "certificate verify failed").split()).rstrip(".")
    if "mismatch" in reason:
        return (
            f"the server's certificate is for another name ({reason}); use a name that it has in the address"
        )
    if "expired" in reason or "not yet valid" in reason:
        return f"the server's certificate is out of date ({reason}); the server needs another one"
    return (
        f"the server's certificate is not trusted ({reason}); give a PEM file with it, or with that of the"
        " authority which signed it, as ca (doctor: --ca FILE)"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
