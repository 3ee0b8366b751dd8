"""`KEY=VALUE` settings on a tree of parameters, as `dvc exp run -S` reads them: `+KEY=VALUE` adds, `~KEY` deletes.

A name that the user chooses, such as a class of `split.limit`, is added without the `+`, too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from facesift.config.params import Params
from facesift.config.structure import fields_at, near
from facesift.core.errors import FacesiftError

Tree = dict[str, Any]
WHOLE = ("loss",)  # alternatives with keys of their own: given anew, not merged with what is there


def apply_settings(tree: Mapping[str, Any], settings: Sequence[str]) -> Tree:
    """Return a copy of the tree with the settings applied, in their order.

    Raises:
        FacesiftError: a key that is not there, with the nearest one, or text that is no setting.

    >>> apply_settings({"stack": {"c": 1}, "split": {"limit": {}}}, ["stack.c=2", "split.limit.fake=9"])
    {'stack': {'c': 2}, 'split': {'limit': {'fake': 9}}}
    """
    changed = copy.deepcopy(dict(tree))
    for setting in settings:
        _apply(changed, setting)
    return changed


def is_choice(setting: str, groups: Iterable[str]) -> bool:
    """Return whether a setting chooses a file of a group of conf/, such as `members=lenet`."""
    key, _, value = setting.partition("=")
    return key.lstrip("+") in groups and not value.lstrip().startswith("{")


def split_setting(setting: str) -> tuple[str, str]:
    """Split `KEY=VALUE`; `FacesiftError` when there is no `=`."""
    key, sign, value = setting.partition("=")
    if not sign or not key:
        raise FacesiftError(f"{setting!r} is no setting; write KEY=VALUE, such as stack.c=0.1")
    return key, value


def _apply(tree: Tree, setting: str) -> None:
    adds, deletes = setting.startswith("+"), setting.startswith("~")
    key, value = (setting[1:], "") if deletes and "=" not in setting else split_setting(setting.lstrip("+~"))
    *path, last = key.split(".")
    node: Any = tree
    for depth, part in enumerate(path):
        if adds and isinstance(node, dict):
            node.setdefault(part, {})
        node = _held(node, part, path[:depth], setting)
    if not adds and (deletes or not isinstance(node, dict) or fields_at(Params, path)):  # else names are free
        _held(node, last, path, setting)
    if not isinstance(node, dict):
        raise FacesiftError(f"{setting}: {'.'.join(path)} is {node!r} and has no keys")
    if deletes:
        del node[last]
        return
    given = _parse(f"{key}={value}", setting)
    merges = isinstance(given, dict) and isinstance(node.get(last), dict) and last not in WHOLE
    if merges and not given and node[last]:
        raise FacesiftError(
            f"{setting}: keys are laid over those that are there, so this changes nothing; "
            f"~{key}.{next(iter(node[last]))} deletes one"
        )
    node[last] = _laid_over(node[last], given) if merges else given


def _held(node: Any, key: str, path: Sequence[str], setting: str) -> Any:
    if not isinstance(node, dict):
        raise FacesiftError(f"{setting}: {'.'.join(path)} is {node!r} and has no keys; give it as a whole, in {{...}}")
    if key not in node:
        prefix = "".join(f"{part}." for part in path)
        raise FacesiftError(f"{prefix}{key}: unknown key{near(key, node, prefix)}")
    return node[key]


def _laid_over(tree: Tree, changes: Mapping[str, Any]) -> Tree:
    both = {key for key, value in changes.items() if isinstance(value, dict) and isinstance(tree.get(key), dict)}
    merged = {key: _laid_over(tree[key], changes[key]) for key in both if key not in WHOLE}
    return tree | dict(changes) | merged


def _parse(override: str, setting: str) -> Any:
    """Read the value in the grammar of Hydra, which DVC's `-S` reads, too."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: PLC0415
    from hydra.errors import HydraException  # noqa: PLC0415

    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise FacesiftError(f"{setting}: the value cannot be read: {reason}") from None
    if parsed.is_sweep_override():
        raise FacesiftError(f"{setting}: one value, please; `dvc exp run --queue -S` tries several")
    return _without_quotes(parsed.value())


def _without_quotes(value: Any) -> Any:
    from hydra.core.override_parser.types import QuotedString  # noqa: PLC0415

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, dict):
        return {_without_quotes(key): _without_quotes(entry) for key, entry in value.items()}
    return [_without_quotes(entry) for entry in value] if isinstance(value, list) else value
