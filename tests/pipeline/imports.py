"""Which files and which wings of the library a stage reaches: the closure of its imports, read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def module_file(name: str) -> Path | None:
    path = ROOT / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported(path: Path) -> set[Path]:
    """Files of the project that a file imports anywhere in it, also inside of functions."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {file for name in names if (file := module_file(name))}


def closure(stage: str) -> set[str]:
    """Files, relative to the root, that decide what `python -m stages.<stage>` writes."""
    todo, seen = [ROOT / "stages" / f"{stage}.py"], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(imported(path))
    return {path.relative_to(ROOT).as_posix() for path in seen if path.name != "__init__.py"}


def code_of(stage: str) -> set[str]:
    """What dvc.yaml has to name: the wings (folders) of the library, and the files that lie in none."""
    parts = [path.split("/") for path in closure(stage)]
    return {"/".join(part[:2]) for part in parts}
