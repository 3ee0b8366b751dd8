"""docs/commands.md out of the commands' own help: every command with its arguments and options.

`python -m facesift.cli.reference > docs/commands.md` writes it anew; a test compares the page with the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.main import get_command

from facesift.cli.main import app

WORDS = {str: "text", Path: "path", int: "whole number", float: "number"}
HEAD = """\
# Commands

This page is made from the help of the commands: `facesift COMMAND --help` prints the same. To
change it, edit the help texts in `facesift/cli/` and run
`python -m facesift.cli.reference > docs/commands.md`.

- Files come first; the trained committee is the option `--bundle` in every command.
- Exit status: 0 done, 1 an error that you can correct (one line says what to do), 2 a command line
  that cannot be understood, unless the command says otherwise.
- `facesift --version` prints the version.
"""


def reference() -> str:
    """Return the text of docs/commands.md."""
    group: Any = get_command(app)
    return HEAD + "".join("\n".join(_section(name, group.commands[name])) + "\n" for name in sorted(group.commands))


def _section(name: str, command: Any) -> Iterator[str]:
    yield f"\n## facesift {name}\n"
    yield cleandoc(command.help or "")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = " ".join([f"facesift {name}", *(["[OPTIONS]"] if options else []), *(map(_placeholder, arguments))])
    yield f"\n```text\n{usage}\n```\n"
    if command.params:
        yield "| argument or option | value | default | meaning |\n|---|---|---|---|"
        yield from map(_row, [*arguments, *options])


def _placeholder(argument: Any) -> str:
    text = _title(argument) + ("..." if argument.nargs == -1 else "")
    return text if argument.required else f"[{text}]"


def _title(each: Any) -> str:
    if each.param_type_name == "argument":
        return str(each.metavar or each.name.upper())
    return ", ".join(each.opts)


def _row(each: Any) -> str:
    meaning = " ".join((each.help or "").split()).replace("|", "\\|").replace("<", "\\<")
    return f"| `{_title(each)}` | {_value(each)} | {_default(each)} | {meaning} |"


def _value(each: Any) -> str:
    """Say what values an argument or option takes, from the annotation that it was declared with."""
    kind, low = each.type_descriptor.annotation, each.type_descriptor.parameter_info.min
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    repeated = get_origin(kind) is list
    said = WORDS[get_args(kind)[0] if repeated else kind]
    if low is not None:
        said += f" from {low:g}"
    return said + (", may be repeated" if repeated else "")


def _default(each: Any) -> str:
    shown = getattr(each, "show_default", None)
    if isinstance(shown, str):
        return shown
    default = each.default
    if each.required:
        return "required"
    if not default:
        return ""
    values = default if isinstance(default, list | tuple) else [default]
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    sys.stdout.write(reference())
