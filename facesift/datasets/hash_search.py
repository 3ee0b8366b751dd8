"""Searches perceptual hashes for pairs that differ in few bits: every pair is compared, by faiss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

WORD = 8  # hexadecimal digits of a 32-bit word
SLAB = 1 << 18  # rows compared at a time, which bounds the memory
BLOCK = 1 << 14  # hashes whose neighbours are searched at a time
Words = NDArray[np.uint64]
Rows = NDArray[np.int64]


def hash_words(hashes: pl.Series) -> Words:
    """Turn n hexadecimal hashes of one length (a multiple of 16 digits) into an array of shape (n, words)."""
    digits = len(hashes[0]) if len(hashes) else 2 * WORD
    halves = [
        hashes.str.slice(start, WORD).str.to_integer(base=16, dtype=pl.Int64).to_numpy().astype(np.uint64)
        for start in range(0, digits, WORD)
    ]
    high, low = halves[::2], halves[1::2]
    return np.stack([(a << np.uint64(4 * WORD)) | b for a, b in zip(high, low, strict=True)], axis=1)


def close_pairs(words: Words, limit: int, kinds: NDArray[np.generic] | None = None) -> tuple[Rows, Rows, Rows]:
    """Find the pairs of hashes that differ in at most `limit` bits, each pair once, and none is missed.

    A core compares about two thousand million pairs a second: 100,000 hashes take 3 s, a million 5 minutes.

    Args:
        words: n hashes, shape (n, words).
        limit: largest number of differing bits.
        kinds: a value for each hash; if given, only pairs of different kinds are wanted.

    Returns:
        Rows of both hashes, the lower one first, and the number of differing bits; sorted by rows.

    >>> close_pairs(np.array([[0b0011], [0b0111], [0b1100]], np.uint64), 1)
    (array([0]), array([1]), array([1]))
    """
    blocks = _blocks(words, limit)
    wanted = (pairs if kinds is None else pairs[:, kinds[pairs[0]] != kinds[pairs[1]]] for pairs in blocks)
    left, right, apart = np.concatenate([np.empty((3, 0), np.int64), *wanted], axis=1)
    order = np.lexsort((right, left))
    return left[order], right[order], apart[order]


def _blocks(words: Words, limit: int) -> Iterator[NDArray[np.int64]]:
    """Yield close pairs and their differing bits, (3, pairs): those of a block of hashes with all before and in it."""
    from faiss import IndexBinaryFlat  # noqa: PLC0415  a heavy import that most functions of this file do not need

    rows = np.ascontiguousarray(words).view(np.uint8)
    index = IndexBinaryFlat(8 * rows.shape[1])
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        index.add(block)
        ends, apart, lower = index.range_search(block, limit + 1)  # faiss looks for fewer bits than its limit
        upper = start + np.repeat(np.arange(len(block)), np.diff(ends).astype(np.int64))
        once = lower < upper
        yield np.stack([lower[once], upper[once], apart[once].astype(np.int64)])


def bits_apart(first: Words, second: Words) -> Rows:
    """Count the differing bits of hashes; the last axis holds the words of a hash."""
    return np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64)
