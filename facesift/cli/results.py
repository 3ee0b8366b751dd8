"""`facesift results`: the result table of the last `dvc repro`, and which study and parameters it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

# Stages whose parameters decide the printed figures. `report` and `pictures` have more, which change no figure.
DECIDING = ("ingest", "split", "shard", "stack", "stability", "vote", "operate", "figures", "summary")
MOST = 3  # changed parameters that are named

Tree = Mapping[str, Any]


def results(
    metrics: Annotated[Path, typer.Argument(help="Folder that the vote stage wrote.")] = Path("metrics"),
    *,
    short: Annotated[
        bool, typer.Option("--short", help="Print the rules alone, what the one in force did, and what to do next.")
    ] = False,
) -> None:
    """Print the result table of the last `dvc repro`: study, decision rule, figures on the test images.

    It says so where the figures are older than params.yaml.
    """
    if short:
        from facesift.config.params import load_params
        from facesift.core.files import read_json
        from facesift.evaluation.short_table import print_short

        print_short(load_params().vote.rule, read_json(metrics / "vote.json")["test"], None)
        return
    from facesift.evaluation.results_table import print_results

    lock, params = (_read(metrics.parent / name) for name in ("dvc.lock", "params.yaml"))
    made_with = recorded_params(lock)
    if heading := study_line(made_with):
        typer.echo(heading)
    print_results(metrics)
    if changed := list(changed_params(made_with, params)):
        typer.echo(old_figures(changed))


def _read(path: Path) -> Tree:
    """Read a YAML file; empty where there is none, or none that can be read: `dvc repro` says what is wrong with it."""
    import yaml

    try:
        tree = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both safe
    except (OSError, yaml.YAMLError):
        return {}
    return tree if isinstance(tree, dict) else {}


def recorded_params(lock: Tree) -> dict[str, Any]:
    """Return the parameters that dvc.lock records for the stages behind the figures, and those of the export.

    Args:
        lock: Content of dvc.lock.

    Returns:
        Values by key, such as `vote` or `data.crop.method`.
    """
    stages = lock.get("stages", {})
    found: dict[str, Any] = {}
    for name in ("export", *DECIDING):
        values = stages.get(name, {}).get("params", {}).get("params.yaml", {})
        found |= values if name != "export" else {"study": values.get("study")}
    return found


def study_line(made_with: Tree) -> str:
    """Say which study and which decision rule the figures are of; empty where dvc.lock does not say.

    >>> study_line({"study": "portraits", "vote": {"rule": "unanimous"}})
    'study portraits, decided by the rule unanimous'
    """
    said = [f"study {made_with['study']}"] if made_with.get("study") else []
    rule = (made_with.get("vote") or {}).get("rule") or made_with.get("vote.rule")
    return ", ".join([*said, *([f"decided by the rule {rule}"] if rule else [])])


def changed_params(made_with: Tree, params: Tree) -> Iterator[str]:
    """Name the parameters whose value in params.yaml is not the one that the figures were made with.

    >>> list(changed_params({"stack": {"c": 1.0, "folds": 5}, "seed": 2}, {"stack": {"c": 0.1, "folds": 5}, "seed": 2}))
    ['stack.c: 1.0 in the figures, 0.1 now']
    """
    for key, before in made_with.items():
        now: Any = params
        for part in key.split("."):
            now = now.get(part) if isinstance(now, dict) else None
        yield from _differences(key, before, now)


def _differences(key: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from _differences(f"{key}.{name}", before.get(name), now.get(name))
    elif not _same(before, now):
        shown = ("a block" if isinstance(each, dict | list) else each for each in (before, now))
        yield "{}: {} in the figures, {} now".format(key, *shown)


def _same(before: Any, now: Any) -> bool:
    """Compare two values; 1e-3 is a text for one YAML parser and a number for another."""
    try:
        return before == now or float(before) == float(now)
    except (TypeError, ValueError):
        return False


def old_figures(changed: list[str]) -> str:
    """Say that the figures are older than the parameters, and which of these have changed."""
    from facesift.core.formatting import counted

    named = sorted(set(changed))
    more = len(named) - MOST
    rest = f"; and {counted(more, 'more parameter')}" if more > 0 else ""
    return f"OLD FIGURES: params.yaml has changed since ({'; '.join(named[:MOST])}{rest}). `dvc repro` makes them anew."
