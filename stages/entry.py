"""How every stage starts: validated parameters in, a user's mistake out as one message instead of a stack trace."""

from __future__ import annotations

import sys
from collections.abc import Callable

from facesift.config.members import Member
from facesift.config.params import Params, load_params
from facesift.core.errors import FacesiftError


def run(main: Callable[..., None]) -> None:
    """Call `main(params, *arguments)` with the parameters of `params.yaml` and the command line's arguments.

    Exits with 1 and the message alone when `main` raises `FacesiftError`.
    """
    try:
        main(load_params(), *sys.argv[1:])
    except FacesiftError as error:
        sys.exit(f"error: {error}")


def member_of(params: Params, name: str) -> Member:
    """Return the entry `members.<name>`; `FacesiftError` lists the names there are."""
    if name not in params.members:
        raise FacesiftError(f"members.{name}: no such member in params.yaml; there are {', '.join(params.members)}")
    return params.members[name]
