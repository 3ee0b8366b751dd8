"""Reads YAML strictly: no key twice, no bombs of aliases, no endless nesting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from facesift.core.errors import FacesiftError

MAX_DEPTH = 50  # levels
MAX_NODES = 200_000  # values after aliases are written out


class _StrictLoader(yaml.SafeLoader):
    """The safe loader of PyYAML, without what it passes over silently."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Make a node of the next events; `depth` counts the levels above it."""
        self.levels = getattr(self, "levels", 0) + 1
        if self.levels > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels, line {self.line + 1}")
        try:
            return super().compose_node(parent, index)
        finally:
            self.levels -= 1


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        FacesiftError: when it cannot be read, is not valid, has a key twice in one place, or holds more than
            `MAX_NODES` values once its aliases are written out.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FacesiftError(f"{path}: not valid YAML: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date, an endless number
        raise FacesiftError(f"{path}: not valid YAML: {error or 'nested too deeply'}") from error


def parse_yaml(text: str) -> Any:
    """Read a YAML text; `yaml.YAMLError` or `ValueError` for one that is not valid, see `read_yaml`."""
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _check(node, {}, set()) > MAX_NODES:
            raise yaml.YAMLError(f"its aliases (*name) stand for more than {MAX_NODES} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: yaml.Node, sizes: dict[int, int], above: set[int]) -> int:
    """Count the values below a node, aliases written out; refuse keys that stand twice, and aliases of themselves."""
    key = id(node)
    if key in above:
        raise yaml.YAMLError(f"an alias inside of what it stands for, line {node.start_mark.line + 1}")
    if key not in sizes:
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            below = [part for pair in node.value for part in pair]
        else:
            below = node.value if isinstance(node, yaml.SequenceNode) else []
        sizes[key] = 1 + sum(_check(part, sizes, above | {key}) for part in below)
    return sizes[key]


def _check_keys(node: yaml.MappingNode) -> None:
    seen: dict[tuple[str, str], int] = {}
    for name, _ in node.value:
        if isinstance(name, yaml.ScalarNode):
            line = name.start_mark.line + 1
            if before := seen.get((name.tag, name.value)):
                raise yaml.YAMLError(f"key {name.value!r} stands twice, in lines {before} and {line}: delete one")
            seen[name.tag, name.value] = line
