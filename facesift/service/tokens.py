"""API tokens: who may ask. The file holds their hashes; it is read again when it changes, without a restart."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, whole_file

Scope = Literal["decide", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "fsk_"  # so that scanners for leaked secrets can find a token
RANDOM_BYTES = 32  # too many to guess, so one round of SHA-256 protects them as well as a slow hash
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Token(BaseModel):
    """A token as the file has it.

    Attributes:
        name: of the client.
        scope: what it may ask for: `decide` or `metrics`.
        sha256: hash of the token.
        created: UTC, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    scope: Scope
    sha256: str
    created: str


def hash_of(token: str) -> str:
    """Return the hash by which a token is known."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> list[Token]:
    """Read the file of tokens; one that is missing has none.

    Raises:
        FacesiftError: The file is not one that `create_token` wrote.
    """
    if not path.exists():
        return []
    tree = read_json(path)
    try:
        return [Token.model_validate(each) for each in tree["tokens"]]
    except (ValidationError, KeyError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise FacesiftError(f"{path}: not a file of tokens ({first}); `facesift tokens create` writes one") from None


def create_token(path: Path, name: str, scope: Scope = "decide") -> str:
    """Make a token and add its hash to the file.

    A client may have several tokens, so that a new one can be in use before the old one is revoked.

    Returns:
        The token. It is nowhere else.

    Raises:
        FacesiftError: The name cannot be one, or the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise FacesiftError(f"token {name!r}: a name has letters, digits, dots, dashes and underscores, at most 64")
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with _locked(path):
        _write(path, [*read_tokens(path), Token(name=name, scope=scope, sha256=hash_of(token), created=created)])
    return token


def revoke_tokens(path: Path, name: str, *, before: str | None = None) -> int:
    """Remove a client's tokens from the file.

    Args:
        path: the file.
        name: of the client.
        before: remove those alone that were created before this time, UTC, ISO 8601; None: all.

    Returns:
        How many there were.

    Raises:
        FacesiftError: There is none, or the file cannot be read or written.
    """
    with _locked(path):
        tokens = read_tokens(path)
        kept = [each for each in tokens if each.name != name or (before is not None and each.created >= before)]
        if len(kept) == len(tokens):
            raise FacesiftError(f"{path}: no such token of {name!r}; `facesift tokens list` names them")
        _write(path, kept)
    return len(tokens) - len(kept)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other commands from changing the file meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, tokens: list[Token]) -> None:
    text = json.dumps({"tokens": [each.model_dump() for each in tokens]}, indent=2)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)


class TokenFile:
    """The tokens that are valid now.

    Args:
        path: the file.

    Raises:
        FacesiftError: It is not a file of tokens, or has none that may decide.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = self._status()
        self._known = {each.sha256: each for each in read_tokens(path)}
        if not any(each.scope == "decide" for each in self._known.values()):
            raise FacesiftError(f"{path}: holds no token, so nobody could ask; `facesift tokens create NAME`")

    def find(self, token: str) -> Token | None:
        """Return what is known of a token; None for one that is not valid (any more).

        The search is for the hash: its time tells nothing about the tokens.
        """
        self._refresh()
        return self._known.get(hash_of(token))

    def _refresh(self) -> None:
        version = self._status()
        if version == self._version:
            return
        try:
            self._known = {each.sha256: each for each in read_tokens(self._path)}
        except FacesiftError:
            return  # half of an edit by hand: the tokens before stay valid until the file can be read
        self._version = version

    def _status(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
