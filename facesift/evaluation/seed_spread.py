"""How far the headline figures move when a study is trained again with other seeds."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from facesift.core.files import read_json

FILE = "stability.json"  # below metrics/, written by `make stability`; {} until then, as a stage depends on it
# Sections that no figure of metrics/summary.json depends on. `prevalence` is none of them: it weighs the reviews, by
# which the point of the risk guarantee is offered or not. Of `review`, `two_persons` decides labels and is kept.
OF_NO_EFFECT = (
    "cross_test", "evaluation", "export", "parallel", "pictures", "projections", "report", "review", "robustness",
)  # fmt: skip


def spread(summaries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Measure the spread of each figure over several trainings.

    Args:
        summaries: contents of `metrics/summary.json`, one for each training.

    Returns:
        By figure `values`, of which unknown ones are None; for numbers also `known`, how many are not None, and of
        these `min`, `median`, `max` and `sd`, the standard deviation (n - 1 in the denominator; None for a single one).
        For words, such as `guarantee`, how often each came: `counts`.

    >>> found = spread([{"auc": 0.7, "guarantee": "none"}, {"auc": 0.9, "guarantee": "made"}])
    >>> [round(found["auc"][name], 3) for name in ("min", "median", "max", "sd")]
    [0.7, 0.8, 0.9, 0.141]
    >>> found["guarantee"]["counts"]
    {'made': 1, 'none': 1}
    """
    names = sorted({name for each in summaries for name in each})
    return {name: _spread_of([each.get(name) for each in summaries]) for name in names}


def _spread_of(values: list[Any]) -> dict[str, Any]:
    if any(isinstance(value, str) for value in values):
        return {"values": values, "counts": dict(sorted(Counter(map(str, values)).items()))}
    known = [float(value) for value in values if value is not None]
    ends = {"min": min(known), "median": statistics.median(known), "max": max(known)} if known else {}
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return {"values": values, "known": len(known), "min": None, "median": None, "max": None, "sd": deviation} | ends


def study_digest(tree: Mapping[str, Any]) -> str:
    """Hash the parameters that decide the headline figures, but for the seeds of training (16 hex digits).

    Args:
        tree: the content of params.yaml.
    """
    kept = {name: value for name, value in tree.items() if name not in OF_NO_EFFECT}
    kept["review"] = {"two_persons": tree["review"]["two_persons"]}
    kept["members"] = {name: _without_seed(member) for name, member in tree["members"].items()}
    kept["stack"] = _without_seed(tree["stack"])
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _without_seed(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != "seed"}


def is_of_study(found: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    """Say whether a measured spread belongs to a study with its parameters.

    Args:
        found: the content of `metrics/stability.json`, not {}.
        tree: the content of params.yaml.
    """
    return bool(study_digest(tree) == found["params"])


def spread_lines(metrics: Path, params: Path = Path("params.yaml")) -> list[str]:
    """Say the spread for the terminal, where it was measured.

    Args:
        metrics: the folder of figures.
        params: the parameters of the study at hand; where the file is not there, no check is made that the spread is of
            this study.

    Returns:
        One line for each figure below a heading; a remark alone where the spread is of other parameters; [] where it
        was not measured.
    """
    path = metrics / FILE
    found = read_json(path) if path.is_file() else {}
    if not found:
        return []
    if params.is_file() and not is_of_study(found, yaml.safe_load(params.read_text(encoding="utf-8"))):
        return [f"{path}: of other parameters than params.yaml; `make stability SEEDS={found['seeds']}` measures anew"]
    heading = f"test, over {found['seeds']} trainings with other seeds (smallest, median, largest):"
    return [heading, *(f"  {name} {_line(each)}" for name, each in found["figures"].items())]


def _line(figure: Mapping[str, Any]) -> str:
    if "counts" in figure:
        return ", ".join(f"{word} in {times}" for word, times in figure["counts"].items())
    if not figure["known"]:
        return "never known"
    ends = ", ".join(f"{figure[name]:g}" for name in ("min", "median", "max"))
    unknown = len(figure["values"]) - figure["known"]
    return ends + (f" (not known in {unknown})" if unknown else "")
