"""Which files of the project a stage runs: the closure of its imports, read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# They check and explain, they do not change what a stage computes.
NEUTRAL = {
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "facesift/config").glob("*.py")),
    "facesift/core/errors.py",
    "stages/entry.py",
}


def module_file(name: str) -> Path | None:
    path = ROOT / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported(path: Path) -> set[Path]:
    files = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            files |= {file for name in names if (file := module_file(name))}
    return files


def closure(stage: str) -> set[str]:
    """Files, relative to the root, that decide what `python -m stages.<stage>` writes."""
    todo, seen = [ROOT / "stages" / f"{stage}.py"], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(imported(path))
    files = {path.relative_to(ROOT).as_posix() for path in seen if path.name != "__init__.py"}
    return files - NEUTRAL
