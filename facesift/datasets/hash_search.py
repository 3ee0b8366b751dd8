"""Searches perceptual hashes for pairs that differ in few bits."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, comb, log

import numpy as np
import polars as pl
from numpy.typing import NDArray

WORD = 8  # hexadecimal digits of a 32-bit word
MISSED = 0.01  # probability of missing a pair whose distance is exactly the limit; closer pairs are missed more rarely
ALL_PAIRS = 10_000  # up to this many images, every pair is compared
BLOCK = 1024  # rows of the table of all pairs that are compared at a time
SLAB = 1 << 18  # rows compared at a time, which bounds the memory
PENDING = 1 << 20  # pairs gathered before repeated ones are dropped, which bounds the memory
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


def _share_rate(bits: int, limit: int, width: int) -> float:
    """Probability that two hashes `limit` bits apart agree on `width` bits drawn at random."""
    return comb(bits - limit, width) / comb(bits, width)


def plan_tables(images: int, bits: int, limit: int) -> tuple[int, int]:
    """Choose the cheapest search: bits of a bucket's key, and number of hash tables.

    Up to `ALL_PAIRS` images: no key and one table, so that every pair is compared. For more images: longer keys and
    more tables, so that a pair exactly at the limit is missed with probability `MISSED`.

    Args:
        images: number of distinct hashes.
        bits: length of a hash.
        limit: largest number of differing bits of a near-duplicate pair.

    Returns:
        Bits of a key, number of tables.

    >>> plan_tables(5_000, 256, 48), plan_tables(1_000_000, 256, 48)
    ((0, 1), (19, 278))
    """
    if images <= ALL_PAIRS:
        return 0, 1
    plans = []
    for width in range(min(32, bits - limit) + 1):
        rate = _share_rate(bits, limit, width)
        tables = ceil(log(MISSED) / log(1 - rate)) if rate < 1 else 1
        pairs = images * 0.6**width / 2  # two unrelated hashes of aligned faces agree on about 60 % of the bits
        plans.append((tables * (pairs + 40), width, tables))  # sorting a row costs about as much as 40 comparisons
    _, width, tables = min(plans)
    return width, tables


def _keys(words: Words, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    keys = np.zeros(len(words), dtype=np.uint64)
    for position in positions:
        bit = (words[:, position // 64] >> np.uint64(position % 64)) & np.uint64(1)
        keys = (keys << np.uint64(1)) | bit
    return keys


def _links(words: Words, keys: NDArray[np.uint64], limit: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield pairs of rows with the same key that are at most `limit` bits apart."""
    order = np.argsort(keys, kind="stable")
    keys, words = keys[order], words[order]
    for start in range(0, len(order), SLAB):
        rows = np.arange(start, min(start + SLAB, len(order)))
        step = 0
        while len(rows):
            step += 1
            rows = rows[: np.searchsorted(rows, len(order) - step)]
            rows = rows[keys[rows] == keys[rows + step]]  # sorted: rows that differ at this step differ at the next
            apart = bits_apart(words[rows], words[rows + step])
            near = rows[apart <= limit]
            if len(near):
                yield order[near], order[near + step]


def _all_links(words: Words, limit: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield all pairs of rows that are at most `limit` bits apart, the lower row first.

    With bits as 1 and -1, a product of two hashes is the bits that agree minus those that differ: small whole numbers,
    which float32 holds exactly. One product of matrices takes a tenth of the time of counting bits pair by pair.
    """
    bits = np.unpackbits(words.view(np.uint8), axis=1)
    signs = 2 * bits.astype(np.float32) - 1
    least = bits.shape[1] - 2 * limit
    for start in range(0, len(words), BLOCK):
        first, second = np.nonzero(signs[start : start + BLOCK] @ signs[start:].T >= least)
        above = second > first
        yield start + first[above], start + second[above]


def search_tables(words: Words, limit: int) -> Iterator[Iterator[tuple[Rows, Rows]]]:
    """Search for pairs of close hashes, one hash table at a time.

    Args:
        words: n hashes, shape (n, words).
        limit: largest number of differing bits.

    Yields:
        For each table its pairs of rows, in two arrays. A pair may come up in several tables; see
        `close_pairs` for which may be missed.
    """
    bits = 64 * words.shape[1]
    width, tables = plan_tables(len(words), bits, limit)
    if not width:
        yield _all_links(words, limit)
        return
    rng = np.random.default_rng(np.random.SeedSequence([bits, limit, width]))
    for _ in range(tables):
        yield _links(words, _keys(words, np.sort(rng.choice(bits, width, replace=False))), limit)


def close_pairs(words: Words, limit: int, kinds: NDArray[np.generic] | None = None) -> tuple[Rows, Rows, Rows]:
    """Find the pairs of hashes that differ in at most `limit` bits, each pair once.

    Candidates come from buckets of hashes that agree on randomly drawn bits (Indyk and Motwani 1998, "Approximate
    nearest neighbors"), and each is then compared in full: no pair beyond the limit is ever found. Up to `ALL_PAIRS`
    hashes every pair is compared; above that a pair exactly at the limit is missed with probability `MISSED`, a closer
    one more rarely.

    Args:
        words: n hashes, shape (n, words).
        limit: largest number of differing bits.
        kinds: a value for each hash; if given, only pairs of different kinds are wanted.

    Returns:
        Rows of both hashes, the lower one first, and the number of differing bits; sorted by rows.
    """
    known, fresh, pending = np.empty(0, np.int64), [], 0
    for codes in _codes(words, limit, kinds):
        fresh.append(codes)
        pending += len(codes)
        if pending > max(PENDING, len(known)):
            known, fresh, pending = np.unique(np.concatenate([known, *fresh])), [], 0
    left, right = np.divmod(np.unique(np.concatenate([known, *fresh])), max(1, len(words)))
    return left, right, bits_apart(words[left], words[right])


def bits_apart(first: Words, second: Words) -> Rows:
    """Count the differing bits of hashes; the last axis holds the words of a hash."""
    return np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64)


def _codes(words: Words, limit: int, kinds: NDArray[np.generic] | None) -> Iterator[Rows]:
    """Yield close pairs of rows (a, b), a < b, as numbers a * n + b; a pair may come up several times."""
    for table in search_tables(words, limit) if len(words) else ():
        for a, b in table:
            codes = np.minimum(a, b) * len(words) + np.maximum(a, b)
            yield codes if kinds is None else codes[kinds[a] != kinds[b]]
