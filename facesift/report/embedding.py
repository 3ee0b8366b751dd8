"""t-SNE of a member's features: test images as points of a plane in which neighbours stay neighbours, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import Scorer
from facesift.report.figures import HEADING, SMALL, TEXT, WIDTH, plain_style
from facesift.shards.reading import ShardFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERPLEXITY = 30.0  # scikit-learn's: about so many neighbours count
FEWEST = 4  # images that t-SNE can place
BATCH = 32  # images a network sees at a time
POSITIVE_COLOUR = "#d55e00"  # of Okabe and Ito's palette, which the colour-blind can tell apart
OTHER_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
MARKERS = "o^sDvP*X<>"
BELOW_POINTS = "Neighbours mean something here; distances between groups, their sizes and the axes do not."


def choose_points(shards: ShardFolder, classes: Classes, points: int, seed: int) -> pl.DataFrame:
    """Choose images to show: the positive ones first, others drawn at random.

    Args:
        shards: shards of the test split.
        classes: names of the classes, and which one is positive.
        points: images at most.
        seed: of the draw.

    Returns:
        The columns shard, row, image_id, source, label (a class number), sorted by shard and row.
    """
    table = pl.concat(
        pl.DataFrame(
            {
                "shard": [shard] * size,
                "row": range(size),
                "image_id": shards.image_ids(shard),
                "source": shards.sources(shard),
                "label": shards.labels(shard),
            }
        )
        for shard, size in enumerate(shards.sizes)
    )
    drawn = np.random.default_rng(seed).permutation(table.height)
    positive = classes.is_positive(table["label"].to_numpy())
    first = np.lexsort((drawn, -positive))[:points]
    return table[np.sort(first)]


def features_of(shards: ShardFolder, points: pl.DataFrame, extract: Scorer) -> NDArray[np.float32]:
    """Compute the features of chosen images.

    Args:
        shards: shards of the test split.
        points: rows of `choose_points`.
        extract: from pixels (b, S, S, 3) in 0 to 255 to features (b, k).

    Returns:
        Features (n, k), in the order of `points`.
    """
    found = []
    for (shard,), rows in points.group_by("shard", maintain_order=True):
        pixels, wanted = shards.pixels(int(shard)), rows["row"].to_numpy()
        found += [extract(pixels[wanted[start : start + BATCH]]) for start in range(0, len(wanted), BATCH)]
    return np.concatenate(found)


def embed(features: NDArray[np.floating], seed: int, name: str = "") -> NDArray[np.float32]:
    """Place images on a plane by t-SNE (van der Maaten and Hinton 2008, JMLR 9), starting from principal components.

    The perplexity is `PERPLEXITY`, or less for fewer than 91 images. Fewer than `FEWEST` images, and images all of
    whose features are the same, have no neighbourhoods: they all lie at (0, 0).

    Args:
        features: one row for each image, (n, k) with n >= 1.
        seed: of t-SNE.
        name: the member, for the error.

    Returns:
        Positions (n, 2).

    Raises:
        FacesiftError: a feature is not finite.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  comes with scikit-learn

    if not np.isfinite(features).all():
        raise FacesiftError(f"{name}: its features of the test images are not all finite; `dvc repro -f train@{name}`")
    values = np.asarray(features, np.float64)
    values = values[:, np.ptp(values, axis=0) > 0]
    if len(values) < FEWEST or not values.shape[1]:
        return np.zeros((len(values), 2), np.float32)
    if values.shape[1] == 1:
        values = np.column_stack([values, np.zeros(len(values))])  # two principal components are needed
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    method = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):  # threads add up in an order of their own, and t-SNE makes much of the last digit
        plane: NDArray[np.float32] = method.fit_transform(values)
    return plane


def draw_points(
    title: str, plane: NDArray[np.floating], labels: NDArray[np.integer], sources: Sequence[str], classes: Classes
) -> Figure:
    """Draw images as points: the colour says the class, the marker the source; positive images lie on top.

    Args:
        title: heading of the figure.
        plane: positions (n, 2).
        labels: class numbers (n,).
        sources: n names of sources.
        classes: names of the classes, and which one is positive.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    names, origin = sorted(set(sources)), np.asarray(sources)
    order = sorted(range(len(classes.names)), key=lambda number: number == classes.number)
    colours = class_colours(classes)
    with plain_style():
        figure = Figure(figsize=(WIDTH, 7), layout="constrained")
        figure.suptitle(title, fontsize=HEADING)
        axes = figure.subplots()
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(BELOW_POINTS, fontsize=SMALL)
        for number in order:
            for place, source in enumerate(names):
                here = plane[(labels == number) & (origin == source)]
                look: dict[str, Any] = {"c": colours[number], "marker": MARKERS[place % len(MARKERS)]}
                axes.scatter(here[:, 0], here[:, 1], s=28, alpha=0.75, linewidths=0.3, edgecolors="white", **look)
        _draw_legends(axes, labels, origin, names, classes)
    return figure


def class_colours(classes: Classes) -> list[str]:
    """Choose a colour for each class, always the same one for the positive class.

    Args:
        classes: names of the classes, and which one is positive.

    Returns:
        Colours in the order of the classes.
    """
    rest = iter(OTHER_COLOURS * (len(classes.names) // len(OTHER_COLOURS) + 1))
    return [POSITIVE_COLOUR if name == classes.positive else next(rest) for name in classes.names]


def _draw_legends(
    axes: Axes, labels: NDArray[np.integer], origin: NDArray[np.str_], names: Sequence[str], classes: Classes
) -> None:
    """Say beside the points which colour is which class and which marker which source, with their numbers."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    def handle(text: str, count: int, colour: str, marker: str) -> Line2D:
        return Line2D([], [], linestyle="", color=colour, marker=marker, markersize=6, label=f"{text} ({count})")

    colours = class_colours(classes)
    by_class = [handle(name, int((labels == k).sum()), colours[k], "o") for k, name in enumerate(classes.names)]
    by_source = [
        handle(name, int((origin == name).sum()), "grey", MARKERS[place % len(MARKERS)])
        for place, name in enumerate(names)
    ]
    beside: dict[str, Any] = {"loc": "upper left", "fontsize": TEXT, "frameon": False, "alignment": "left"}
    first = axes.legend(handles=by_class, title="class", bbox_to_anchor=(1.0, 1.0), **beside)
    axes.add_artist(first)
    first.set_clip_on(False)  # else the layout leaves no room for it
    lower = 1.0 - 0.032 * (len(by_class) + 2.5)
    axes.legend(handles=by_source, title="source", bbox_to_anchor=(1.0, lower), **beside)
