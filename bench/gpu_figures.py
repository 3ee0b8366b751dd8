"""Figures of the networks of bench/gpu.py, and their table: for all images, and within the fakes' own sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.packed_faces import Faces
from facesift.core.bootstrap import bootstrap_rankings, percentile_interval, weighted_auc_ap
from facesift.core.counts import Confusion

ALL, WITHIN = "all", "within"
HEADINGS = ("network", "split", "images", "AUC", "AUC within the fakes' source", "recall", "precision")
TRAINED = ("network", "parameters", "that learn", "first weights", "epochs", "kept", "seconds", "training images/s",
           "scoring images/s", "GB")  # fmt: skip
Floats = NDArray[np.float64]


def figures(faces: Faces, log_odds: Floats, positive: int) -> dict[str, dict[str, Any]]:
    """Compute ranking and decisions, for all images and for those of sources that hold fakes and others.

    Args:
        faces: n images.
        log_odds: of the positive class, (n,); an image is called fake above 0.
        positive: number of that class.

    Returns:
        For `all` and `within`: images, fakes, AUC, recall and precision, each share and area with its 95 % interval.
    """
    labels = (faces.labels == positive).astype(np.int64)
    own = np.isin(faces.sources, _mixed(faces.sources, labels))
    return {
        name: _figures(labels[rows], log_odds[rows], faces.groups[rows])
        for name, rows in ((ALL, np.ones(len(labels), bool)), (WITHIN, own))
    }


def _mixed(sources: NDArray[np.str_], labels: NDArray[np.int64]) -> list[str]:
    """Name the sources that hold both classes."""
    return [source for source in np.unique(sources) if len(np.unique(labels[sources == source])) > 1]


def _figures(labels: NDArray[np.int64], log_odds: Floats, groups: NDArray[np.int64]) -> dict[str, Any]:
    counts = {"images": len(labels), "fakes": int(labels.sum())}
    auc = None
    if 0 < counts["fakes"] < counts["images"]:
        auc = float(weighted_auc_ap(labels, log_odds, np.ones((1, len(labels))))[0][0])
    interval = percentile_interval(bootstrap_rankings(labels, log_odds, groups)[0]) if auc is not None else None
    return counts | {"auc": auc, "auc_interval": interval} | _shares(labels, (log_odds > 0).astype(np.int64))


def _shares(labels: NDArray[np.int64], votes: NDArray[np.int64]) -> dict[str, Any]:
    """Compute recall and precision; without SciPy their intervals are unknown."""
    found = Confusion.of(labels, votes)
    if find_spec("scipy"):
        report = found.report()
        names = ("recall", "recall_interval", "precision", "precision_interval")
        return {name: report[name] for name in names}
    unknown = {"recall_interval": None, "precision_interval": None}
    return {"recall": found.recall, "precision": found.precision} | unknown


def tables(networks: Mapping[str, Mapping[str, Any]]) -> str:
    """Write two tables in Markdown: what was reached, and how the networks were trained.

    Args:
        networks: entries of results.json; one that failed holds its `error` alone.
    """
    reached = [row for name, entry in networks.items() for row in _reached(name, entry)]
    trained = [_trained(name, entry) for name, entry in networks.items() if "parameters" in entry]
    text = f"{_table(HEADINGS, reached)}\n\n{_table(TRAINED, trained)}"
    failed = [f"{name}: {entry['error']}" for name, entry in networks.items() if "error" in entry]
    return "\n\n".join([text, *failed])


def _reached(name: str, entry: Mapping[str, Any]) -> Iterator[list[str]]:
    for split, found in entry.get("figures", {}).items():
        every = found[ALL]
        areas = [_with_interval(found[where], "auc", "{:.3f}") for where in (ALL, WITHIN)]
        shares = [_with_interval(every, share, "{:.1%}") for share in ("recall", "precision")]
        yield [name, split, f"{every['images']:,} ({every['fakes']:,} fakes)", *areas, *shares]


def _with_interval(found: Mapping[str, Any], name: str, form: str) -> str:
    if found[name] is None:
        return "-"
    ends = found[f"{name}_interval"]
    return form.format(found[name]) + (f" ({form.format(ends[0])} to {form.format(ends[1])})" if ends else "")


def _trained(name: str, entry: Mapping[str, Any]) -> list[str]:
    done = f"{entry['epochs']:.1f} of {entry['epochs_of_recipe']}"
    numbers = [f"{entry[key]:,.0f}" for key in ("seconds", "training_images_per_second", "scoring_images_per_second")]
    memory = "-" if entry["memory_gb"] is None else f"{entry['memory_gb']:.1f}"
    sizes = [f"{entry['parameters'] / 1e6:,.1f} M", f"{entry['learning_parameters'] / 1e6:,.2f} M"]
    return [name, *sizes, entry["first_weights"], done, f"epoch {entry['kept_epoch']}", *numbers, memory]


def _table(headings: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [headings, ["---"] * len(headings), *rows])
