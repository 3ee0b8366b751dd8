"""The text of params.yaml: every value of a study, with comments from the schema's descriptions.

`dvc exp run -S key=value` reads params.yaml, changes it and writes it anew with ruamel.yaml. The layout here is what
ruamel.yaml writes, so that such a change touches one line: lists of a block have a line for each entry, a null of it
is written as nothing, and a `{...}` is continued on the next line once it is longer than 80 characters.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from facesift.config.params import Params
from facesift.config.section import Section
from facesift.config.structure import holds_names, sections_of

HEADER = """\
# All parameters of the study at hand. `make study NAME=...` wrote this file from conf/ (`facesift study` lists names).
# Change a value by hand, or with `dvc exp run -S key=value`; docs/parameters.md has every key with its type and range.
# A key of a block with nothing after the colon is null.
"""
WIDTH = 80  # ruamel.yaml's: an entry that would start behind it starts a new line
PLAIN = re.compile(r"[A-Za-z]+:[\w.:/-]*\w")  # texts such as timm:resnet18, which PyYAML would quote
COLUMN = 27  # where comments behind values start
DISCRIMINATORS = ("name", "by")  # keys that say which of several sections a block is
LINE = 120  # longest line of comments


def render(tree: dict[str, Any]) -> str:
    """Write parameters as the text of params.yaml.

    Args:
        tree: the parameters of a whole study, as `compose` gives them.

    Returns:
        YAML with comments; `parse_params` reads it as it reads the tree.
    """
    return HEADER + "\n" + "\n".join(_block(Params, tree, 0, set())) + "\n"


def _block(kind: type[Section], tree: dict[str, Any], indent: int, explained: set[type[Section]]) -> Iterator[str]:
    """Yield the lines of a section with a line or more for each key; comments after a list would be lost by ruamel."""
    for name, field in kind.model_fields.items():
        if name not in tree:
            continue
        if indent == 0 and sections_of(field.annotation):
            yield ""
        yield from _entry(name, field, tree[name], indent, explained)


def _entry(name: str, field: FieldInfo, value: Any, indent: int, explained: set[type[Section]]) -> Iterator[str]:
    kinds, described = sections_of(field.annotation), str(field.description)
    if not kinds or not isinstance(value, dict):
        yield from _leaf(name, value, described, indent)
        return
    if value and (kinds[0].inline or holds_names(field.annotation)):
        yield from _explanation(
            f"each of `{name}`" if holds_names(field.annotation) else f"`{name}`", kinds, indent, explained
        )
    if not value or (kinds[0].inline and not holds_names(field.annotation)):
        text = flow(_ordered(value, kinds), indent, f"{name}:")
        yield text if "\n" in text else _commented(text, described)
        return
    yield _commented(" " * indent + f"{name}:", described)
    if not holds_names(field.annotation):
        yield from _block(kinds[0], value, indent + 2, explained)
        return
    for entry, inner in value.items():
        if kinds[0].inline:
            yield flow(_ordered(inner, kinds), indent + 2, f"{entry}:")
        else:
            yield " " * (indent + 2) + f"{entry}:"
            yield from _plain(kinds[0], inner, indent + 4)


def _plain(kind: type[Section], tree: dict[str, Any], indent: int) -> Iterator[str]:
    """Yield the lines of a section without comments: a member's block, explained above all of them."""
    for name, field in kind.model_fields.items():
        if name in tree and isinstance(tree[name], dict):
            yield flow(_ordered(tree[name], sections_of(field.annotation)), indent, f"{name}:")
        elif name in tree:
            yield from _leaf(name, tree[name], "", indent)


def _leaf(name: str, value: Any, described: str, indent: int) -> Iterator[str]:
    key = " " * indent + f"{name}:"
    if isinstance(value, list) and value:
        yield _commented(key, described)
        yield from (f"{' ' * indent}- {_scalar(entry)}" for entry in value)
    elif isinstance(value, dict):
        yield _commented(flow(value, indent, f"{name}:"), described)
    else:
        yield _commented(key if value is None else f"{key} {_scalar(value)}", described)


def _commented(text: str, described: str) -> str:
    """Put a comment behind a line, continued below itself where it is long."""
    if not described:
        return text
    start = max(COLUMN, len(text) + 1)
    first, *rest = textwrap.wrap(described, LINE - start - 2)
    return "\n".join([f"{text:<{start}}# {first}", *(f"{' ' * start}# {line}" for line in rest)])


def _ordered(tree: Any, kinds: tuple[type[Section], ...]) -> Any:
    """Put the keys of a section, and of those in it, into the schema's order."""
    if not isinstance(tree, dict) or not kinds:
        return tree
    kind = next((kind for kind in kinds if tree.keys() <= kind.model_fields.keys()), kinds[0])
    known = {name: field for name, field in kind.model_fields.items() if name in tree}
    first = {
        name: {entry: _ordered(inner, sections_of(field.annotation)) for entry, inner in tree[name].items()}
        if holds_names(field.annotation)
        else _ordered(tree[name], sections_of(field.annotation))
        for name, field in known.items()
    }
    return first | {name: value for name, value in tree.items() if name not in known}


def _explanation(
    what: str, kinds: tuple[type[Section], ...], indent: int, explained: set[type[Section]]
) -> Iterator[str]:
    """Yield comment lines with the keys of sections that are not explained above."""
    if explained.issuperset(kinds):
        return
    yield " " * indent + f"# Keys of {what}:"
    yield from (" " * indent + line for line in _described(kinds, 1, LINE - indent, explained))


def _described(
    kinds: tuple[type[Section], ...], level: int, width: int, explained: set[type[Section]]
) -> Iterator[str]:
    for kind in kinds:
        explained.add(kind)
        for name, field in kind.model_fields.items():
            if len(kinds) > 1 and name in DISCRIMINATORS:
                rest = ", with" if len(kind.model_fields) > 1 else f" ({field.description})"
                text = f"either {name}: {_named(field)}{rest}"
            else:
                text = f"{name}: {field.description}"
            start = "# " + "  " * level
            yield from textwrap.wrap(text, width, initial_indent=start, subsequent_indent=start + "  ")
            inner = sections_of(field.annotation)
            if inner and not explained.issuperset(inner):
                yield from _described(inner, level + 1, width, explained)


def _named(field: FieldInfo) -> str:
    """Return the name of an alternative, or `any other` for the one whose name is free."""
    return str(get_args(field.annotation)[0]) if get_origin(field.annotation) is Literal else "any other"


def flow(value: dict[str, Any], indent: int, key: str) -> str:
    """Write `key` and `{...}` after it, broken into lines where ruamel.yaml breaks them.

    >>> flow({"a": 1, "b": [None, "*"]}, 2, "x:")
    "  x: {a: 1, b: [null, '*']}"
    """
    lines = [" " * indent + key + " "]
    _flow(value, lines, indent + 2)
    return "\n".join(lines)


def _flow(value: Any, lines: list[str], indent: int) -> None:
    """Append a value to the last of `lines`; `indent` is where the lines go on that it is broken into."""
    if not isinstance(value, dict | list):
        _word(_scalar(value), lines, indent)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines[-1] += opening
    for number, entry in enumerate(value):
        lines[-1] += "," if number else ""
        if len(lines[-1]) > WIDTH:
            lines.append(" " * indent)
        elif number:
            lines[-1] += " "
        if isinstance(value, dict):
            _word(_scalar(entry), lines, indent + 2)
            lines[-1] += ": "
        _flow(value[entry] if isinstance(value, dict) else entry, lines, indent + 2)
    lines[-1] += closing


def _word(text: str, lines: list[str], indent: int) -> None:
    if len(lines[-1]) + len(text) > WIDTH and len(lines[-1]) > indent and text[0] != "'":
        lines.append(" " * indent)
    lines[-1] += text


def _scalar(value: Any) -> str:
    """Write a text, number, truth value or null as ruamel.yaml has it inside of `[...]`.

    >>> [_scalar(value) for value in ("a", "timm:b", "*", "1", 0.00003, True, None)]
    ['a', 'timm:b', "'*'", "'1'", '3.0e-05', 'true', 'null']
    """
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return value
    return yaml.safe_dump([value], default_flow_style=True, width=10**6, allow_unicode=True).strip()[1:-1]
