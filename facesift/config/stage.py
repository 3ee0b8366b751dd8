"""How a program starts from `params.yaml`: checked parameters in, a user's mistake out as one message."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from facesift.config.inputs import check_inputs, close_folders
from facesift.config.members import Member
from facesift.config.params import Params, load_params
from facesift.core.errors import FacesiftError, for_terminal, in_words
from facesift.core.heap import keep_freed_memory
from facesift.core.parents import end_with_parent

STAGE = "DVC_STAGE"  # in the environment of a stage that DVC runs: its name


def run(main: Callable[..., None]) -> None:
    """Call `main(params, *arguments)` with the parameters of `params.yaml` and the command line's arguments.

    Ends the program with exit status 1 and one message, without a stack trace, when `main` raises `FacesiftError` or
    the system refuses something. A stage that DVC runs checks its inputs first, and ends when DVC is killed.

    Args:
        main: The program; it takes the parameters first, then the command line's arguments as strings.
    """
    try:
        if stage := os.environ.get(STAGE):
            end_with_parent(os.getppid())
            check_inputs(stage)
        keep_freed_memory()
        close_folders()
        main(load_params(), *sys.argv[1:])
    except FacesiftError as error:
        sys.exit(for_terminal(f"error: {error}"))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of polars is no Exception
        if line := in_words(error):
            sys.exit(for_terminal(f"error: {line}"))
        raise


def member_of(params: Params, name: str) -> Member:
    """Return the entry `members.<name>` of the parameters.

    Args:
        params: The parameters of the study.
        name: Name of a member.

    Returns:
        The member's parameters.

    Raises:
        FacesiftError: There is no such member; the message lists the names there are.
    """
    if name not in params.members:
        raise FacesiftError(f"members.{name}: no such member in params.yaml; there are {', '.join(params.members)}")
    return params.members[name]
