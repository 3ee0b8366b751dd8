"""How the sections of the parameters are nested, and which key or name a misspelt one may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from facesift.config.section import Section


def sections_of(annotation: Any) -> tuple[type[Section], ...]:
    """Return the section classes that a field of this type holds, directly or by name; several exclude each other.

    >>> from facesift.config.losses import Focal
    >>> [kind.__name__ for kind in sections_of(dict[str, Focal] | None)]
    ['Focal']
    """
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return (annotation,)
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return tuple(kind for part in inner for kind in sections_of(part))


def holds_names(annotation: Any) -> bool:
    """Return whether a field of this type is a mapping whose keys are names that the user chooses.

    >>> holds_names(dict[str, int]), holds_names(int)
    (True, False)
    """
    return get_origin(annotation) is dict


def fields_at(root: type[Section], path: Sequence[str | int]) -> list[str]:
    """List the keys that the schema knows at a path of keys; empty where the user chooses the names.

    Args:
        root: the section that the path starts from.
        path: keys, names chosen by the user among them; parts that pydantic adds for alternatives are skipped.

    >>> from facesift.config.members import Views
    >>> fields_at(Views, [])
    ['flip', 'zoom']
    """
    kinds, named, _ = _walk(root, path)
    return [] if named else list(dict.fromkeys(name for kind in kinds for name in kind.model_fields))


def keys_of(root: type[Section], path: Sequence[str | int]) -> list[str]:
    """Leave out of a path what pydantic adds for alternatives, such as `focal`.

    >>> from facesift.config.members import Views
    >>> keys_of(Views, ["focal", "zoom", 0])
    ['zoom', '0']
    """
    return _walk(root, path)[2]


def _walk(root: type[Section], path: Sequence[str | int]) -> tuple[tuple[type[Section], ...], bool, list[str]]:
    """Return the sections at the end of a path, whether a name of the user's comes next, and the path's keys."""
    kinds: tuple[type[Section], ...] = (root,)
    named, keys = False, []
    for part in path:
        held = [kind.model_fields[part] for kind in kinds if isinstance(part, str) and part in kind.model_fields]
        if named or isinstance(part, int) or not kinds:
            keys.append(str(part))
            named = False
        elif held:
            keys.append(part)
            kinds = tuple(dict.fromkeys(kind for field in held for kind in sections_of(field.annotation)))
            named = holds_names(held[0].annotation)
        elif part == path[-1]:  # an unknown key
            keys.append(part)
    return kinds, named, keys


def near(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Say which name may have been meant, or else all there are; starts with `; `. Upper and lower case are alike.

    >>> near("gama", ["gamma", "alpha"]), near("C", ["c", "class_weights"]), near("x", ["gamma", "alpha"])
    ('; did you mean gamma?', '; did you mean c?', '; there are gamma, alpha')
    """
    known = {known.lower(): known for known in names}
    if close := get_close_matches(name.lower(), known, n=1):
        return f"; did you mean {prefix}{known[close[0]]}?"
    return f"; there are {', '.join(known.values())}" if known else ""
