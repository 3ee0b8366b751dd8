"""What all commands share: errors as one line, options from a dataclass, JSON on the standard output."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from typer.core import TyperGroup

from facesift.core.errors import FacesiftError, for_terminal, in_words

# The trained committee is an option of the same name and default in every command that needs one.
BUNDLE = "Folder of the exported committee."
BUNDLE_FOLDER = Path("models/committee")


class IsDataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Options = TypeVar("Options", bound=IsDataclass)


class CommandGroup(TyperGroup):
    """A group of commands that turns errors a user can put right into `error: ...` and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except FacesiftError as error:
            sys.exit(for_terminal(f"error: {error}"))
        except (BrokenPipeError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of polars is no Exception
            if line := in_words(error):
                sys.exit(for_terminal(f"error: {line}"))
            raise


def takes(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a command whose arguments and options are the fields of a dataclass.

    Typer reads a command's options from the parameters of a function. With this decorator the function has one
    parameter, an object of `options`, and Typer sees one parameter for each field.

    Args:
        options: The dataclass. Each field is annotated as `Annotated[TYPE, typer.Option(...)]` or `typer.Argument`.

    Returns:
        A decorator for the function that runs the command.
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=_default(each), annotation=hints[each.name]
        )
        for each in fields(options)
    ]

    def decorate(run: Callable[[Options], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            run(options(**values))

        command.__name__, command.__doc__ = run.__name__, run.__doc__
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def _default(each: Field[Any]) -> Any:
    if each.default_factory is not MISSING:
        return each.default_factory()
    return inspect.Parameter.empty if each.default is MISSING else each.default


def print_json(report: Mapping[str, Any]) -> None:
    """Print a report as JSON with sorted keys and 6 digits after the point, as in all JSON files of the project.

    Raises:
        ValueError: The report holds NaN or infinity.
    """
    from facesift.core.files import rounded

    sys.stdout.write(json.dumps(rounded(report), indent=2, sort_keys=True, allow_nan=False) + "\n")
