"""Whether two pictures look alike enough to be near-duplicates, and clusters of look-alikes.

A cluster is a set of different pictures that agree in what all of them show, such as heads that are cut out by one
shape, or people before one white background. That two such pictures agree says little. So what the cluster shares is
subtracted from the thumbnails: its mean and, if that does not suffice, its leading principal components. What is left
has to agree, too.
Copies of one photo agree in what is left, different people do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.datasets.hash_search import Rows
from facesift.images.likeness import agreement, thumbnail_pixels

CLUSTER = 20  # pictures; fewer say too little about what they share
COPIES = 0.5  # of the close pairs of a cluster agree, at least: then it is of copies, not of look-alikes
MOST_SHARED = 8  # components that are taken from the thumbnails of a cluster at most
SOME = 2000  # close pairs by which a cluster is told from copies
BATCH = 1 << 14  # pairs whose thumbnails are compared at a time
GREY = 128  # of what is left where nothing is
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Cluster:
    """What the pictures of a cluster share: the mean of their thumbnails (d,) and components of them (k, d)."""

    mean: Floats
    components: Floats

    def leave(self, pixels: Pixels) -> Pixels:
        """Subtract what the cluster shares from thumbnails (n, side, side); return the rest, around `GREY`."""
        rest = _centred(pixels) - self.mean
        rest -= (rest @ self.components.T) @ self.components
        return np.clip(np.round(rest + GREY), 0, 255).astype(np.uint8).reshape(pixels.shape)


@dataclass(frozen=True)
class Likeness:
    """Tells which of n pictures are linked as near-duplicates, by their thumbnails.

    Attributes:
        pixels: thumbnails (n, side, side).
        known: which of them are known (n,).
        least: agreement that is asked for; with 0 all agree.
        cluster: the number of each picture's cluster of look-alikes (n,), -1 for none.
        clusters: what each cluster shares.
    """

    pixels: Pixels
    known: Mask
    least: float
    cluster: Rows
    clusters: tuple[_Cluster, ...] = ()

    @classmethod
    def of(cls, thumbnails: pl.Series, left: Rows, right: Rows, least: float) -> Likeness:
        """Find the clusters among pictures.

        Args:
            thumbnails: of n pictures; null where unknown.
            left: rows of the first picture of each pair with close hashes, all pairs, the closest first.
            right: rows of the second.
            least: agreement that is asked for.

        Returns:
            What tells which pairs are linked.
        """
        pixels, known = thumbnail_pixels(thumbnails)
        plain = cls(pixels, known, least, np.full(len(pixels), -1))
        if least <= 0:
            return plain
        both = known[left] & known[right]
        return plain._with_clusters(left[both], right[both])

    def linked(self, left: Rows, right: Rows) -> Mask:
        """Tell which of p pairs of pictures with close hashes are near-duplicates, shape (p,).

        Their thumbnails have to agree. If both are in one cluster, what is left without its shared part has to, too.
        A thumbnail that is not known agrees with all.
        """
        agreed = self._agree(left, right)
        inside = np.where(agreed & (self.cluster[left] == self.cluster[right]), self.cluster[left], -1)
        for number, cluster in enumerate(self.clusters):
            rows = np.flatnonzero(inside == number)
            agreed[rows] = _left_over_agree(cluster, self.pixels, left[rows], right[rows], self.least)
        return agreed

    def _agree(self, left: Rows, right: Rows) -> Mask:
        agreed = ~(self.known[left] & self.known[right]) | (self.least <= 0)
        rows = np.flatnonzero(~agreed)
        agreed[rows] = agreement(self.pixels, left[rows], right[rows]) >= self.least
        return agreed

    def _with_clusters(self, left: Rows, right: Rows) -> Likeness:
        """Find the clusters by all close pairs of known thumbnails (p,), the closest first."""
        chain = self._chains(left, right)
        within = np.flatnonzero(chain[left] == chain[right])
        cluster, clusters = self.cluster.copy(), list(self.clusters)
        for number in np.flatnonzero(np.bincount(chain, minlength=1) >= CLUSTER):
            pairs = within[chain[left[within]] == number]
            some = np.random.default_rng(0).permutation(pairs)[:SOME]
            if self._agree(left[some], right[some]).mean() < COPIES:
                rows = np.flatnonzero(chain == number)
                cluster[rows] = len(clusters)
                first, second = left[pairs], right[pairs]
                agreed = self._agree(first, second)
                first, second = np.searchsorted(rows, first), np.searchsorted(rows, second)
                clusters.append(_shared(self.pixels[rows], first, second, agreed, self.least))
        return replace(self, cluster=cluster, clusters=tuple(clusters))

    def _chains(self, left: Rows, right: Rows) -> Rows:
        """Number the chains of pictures whose thumbnails agree (n,); pairs within a chain are not compared."""
        count, links = len(self.pixels), np.empty((2, 0), np.int64)
        chain = np.arange(count)
        for start in range(0, len(left), BATCH):
            pairs = np.stack([left[start : start + BATCH], right[start : start + BATCH]])
            pairs = pairs[:, chain[pairs[0]] != chain[pairs[1]]]
            links = np.concatenate([links, pairs[:, self._agree(*pairs)]], axis=1)
            chain = chains(count, *links)
        return chain


def _is_cluster(count: int, left: Rows, right: Rows, linked: Mask) -> bool:
    """Tell whether `count` pictures hold a cluster, by the close pairs (p,) and by which of them are linked."""
    chain = chains(count, left[linked], right[linked])
    within = chain[left] == chain[right]
    sizes, close, agreed = (
        np.bincount(members, minlength=count) for members in (chain, chain[left[within]], chain[left[within & linked]])
    )
    return bool(((sizes >= CLUSTER) & (agreed < COPIES * close)).any())


def _shared(pixels: Pixels, left: Rows, right: Rows, linked: Mask, least: float) -> _Cluster:
    """Find what a cluster shares, with as many components as it takes until no cluster is left in it.

    Args:
        pixels: its thumbnails (n, side, side).
        left: rows of the first picture of its close pairs.
        right: rows of the second.
        linked: which of the pairs have thumbnails that agree.
        least: agreement that is asked for.

    Returns:
        Mean and components.
    """
    values = _centred(pixels)
    order = np.linalg.eigh(np.cov(values.T, bias=True))[1][:, ::-1].T  # principal components, the leading one first
    rows = np.flatnonzero(linked)
    for number in range(MOST_SHARED + 1):
        cluster = _Cluster(values.mean(axis=0), order[:number])
        agreed = np.zeros_like(linked)
        agreed[rows] = _left_over_agree(cluster, pixels, left[rows], right[rows], least)
        if not _is_cluster(len(pixels), left, right, agreed):
            break
    return cluster


def _left_over_agree(cluster: _Cluster, pixels: Pixels, left: Rows, right: Rows, least: float) -> Mask:
    """Tell which of p pairs agree in what is left of their thumbnails, shape (p,)."""
    agreed = np.ones(len(left), dtype=bool)
    for start in range(0, len(left), BATCH):
        ends = np.concatenate([side[start : start + BATCH] for side in (left, right)])
        rows, where = np.unique(ends, return_inverse=True)
        half = len(ends) // 2
        agreed[start : start + half] = agreement(cluster.leave(pixels[rows]), where[:half], where[half:]) >= least
    return agreed


def _centred(pixels: Pixels) -> Floats:
    """Return thumbnails (n, side, side) as rows (n, side x side), each without its own mean."""
    values = pixels.reshape(len(pixels), -1).astype(np.float64)
    return values - values.mean(axis=1, keepdims=True)


def chains(count: int, left: Rows, right: Rows) -> Rows:
    """Number the chains of `count` things that are linked in pairs, shape (count,)."""
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
