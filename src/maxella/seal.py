"""Facts in JSON that carry a hash over themselves, and a signature where there is a key.

A hash finds what a disk or a hand changed. Who can write a file can write its hash, too: against
that helps a key that only the writer and the reader know (HMAC-SHA-256).
"""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

KEY = "MAXELLA_BUNDLE_KEY"  # the environment variable that holds the key


class SealError(ValueError):
    """Why facts are not those that were sealed; a sentence without its dot."""


def sealed(facts: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """The facts with their seal, to be written as JSON. ValueError: they hold NaN or infinity."""
    data = _canonical(facts)
    seal = {"sha256": hashlib.sha256(data).hexdigest()}
    if key:
        seal["hmac"] = _signature(data, key)
    return facts | {"seal": seal}


def opened(facts: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Sealed facts without their seal; SealError where they do not fit it, or it the key."""
    facts = dict(facts)
    seal = facts.pop("seal", None)
    if not isinstance(seal, dict):
        raise SealError("it has no seal")
    data = _canonical(facts)
    if seal.get("sha256") != hashlib.sha256(data).hexdigest():
        raise SealError("it has changed since it was written")
    if key and not hmac.compare_digest(
        str(seal.get("hmac")).encode(), _signature(data, key).encode()
    ):
        raise SealError(f"it was not signed with the key that is given here ({KEY})")
    if not key and "hmac" in seal:
        raise SealError(f"it is signed, and no key is given here ({KEY})")
    return facts


def key_at_hand(key: str | None) -> str | None:
    """A key that is given, or that of the environment; an empty one is none."""
    return key or os.environ.get(KEY) or None


def read_json(path: Path) -> Any:
    """What a UTF-8 file of strict JSON holds; OSError, or ValueError with the reason."""
    try:
        return json.loads(path.read_bytes().decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def reason_of(error: Exception) -> str:
    """What a reader says of a file, on one line and without its dot."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _canonical(facts: dict[str, Any]) -> bytes:
    """One text for equal facts, whether they have been in a file or not."""
    plain = json.loads(json.dumps(facts, allow_nan=False))
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def _signature(data: bytes, key: str) -> str:
    return hmac.new(key.encode(), data, hashlib.sha256).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
