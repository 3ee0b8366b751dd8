"""Our way against what a user would do instead, as ratios: `make bench`, or `make bench-NAME` for one of them.

The two ways of a bench run in turns (ours, theirs, ours, theirs ...), `PAIRS` times at least, after one pair that warms
up. The ratio of each pair is their amount over ours, so more than 1 says how many times less ours takes; the table has
the median and the spread of the pairs. Amounts are seconds, bytes or megabytes. Seconds are those that the processors
worked for the way and for the processes that it starts: other work on the machine changes them much less than those of
a clock on the wall, which only `rule` takes.

Figures go to bench/results.json and into the table of docs/performance.md, at full size; `--small` runs each bench in
seconds and compares its ratio with the one that is kept: `make bench-small` fails where it has fallen by a third.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.benches import BENCHES
from bench.ways import Bench, processor_seconds
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, whole_file, write_json
from workflow.dvc_command import run_script

RESULTS, PAGE = Path("bench/results.json"), Path("docs/performance.md")
BEGIN, END = "<!-- figures: make bench -->", "<!-- end of figures -->"
PAIRS = 5
FALLEN = 2 / 3  # of the ratio that is kept: less is a failure
PLENTY = 20  # a ratio beyond is as good as this one: it is mostly noise of a very short time
SMALL, FULL = "small", "full"


@dataclass(frozen=True)
class Measured:
    """What the pairs of a bench gave.

    Attributes:
        ours: amount of each pair.
        theirs: amount of each pair.
    """

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """Their amount over ours, by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def report(self, unit: str) -> dict[str, Any]:
        """Return the figures for bench/results.json."""
        low, middle, high = np.quantile(self.ratios, [0, 0.5, 1]).tolist()
        return {
            "ratio": middle, "lowest": low, "highest": high, "pairs": len(self.ratios), "unit": unit,
            "ours": float(np.median(self.ours)), "theirs": float(np.median(self.theirs)),
        }  # fmt: skip


def measure(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> Measured:
    """Run two ways in turns.

    Args:
        ours: runs our way and returns its amount.
        theirs: runs the other way and returns its amount.
        pairs: how often, after a pair that does not count.

    Returns:
        The amounts.
    """
    ours(), theirs()
    found = [(ours(), theirs()) for _ in range(pairs)]
    return Measured([one for one, _ in found], [other for _, other in found])


def run_bench(bench: Bench, size: int, pairs: int) -> dict[str, Any]:
    """Prepare and measure one bench in a folder of its own; return its figures, and what they cost."""
    start = processor_seconds()
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = bench.prepare(Path(folder), size)
        figures = measure(ours, theirs, pairs).report(bench.unit)
    return figures | {"size": size, "processor_seconds": processor_seconds() - start}


def machine() -> dict[str, Any]:
    """Say when and where the figures were made."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    threads = os.environ.get("OMP_NUM_THREADS", "one a core")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return {"date": today, "processor": names[0] if names else platform.processor(), "threads": threads}


def fallen(name: str, figures: dict[str, Any], kept: dict[str, Any]) -> str | None:
    """Say by how much a ratio has fallen, where it is by more than a third of what is kept.

    >>> fallen("loading", {"ratio": 6.0}, {"loading": {"ratio": 10.0}})
    'loading: 6.0 times, and 10.0 were kept'
    >>> fallen("loading", {"ratio": 7.0}, {"loading": {"ratio": 10.0}})
    """
    before = kept.get(name, {}).get("ratio")
    if before is None or figures["ratio"] >= FALLEN * min(before, PLENTY):
        return None
    return f"{name}: {figures['ratio']:.1f} times, and {before:.1f} were kept"


def table(results: dict[str, Any]) -> str:
    """Write the figures at full size as a table in Markdown."""
    rows = ["| bench | ours | against | ratio | spread | where |", "|---|---|---|---|---|---|"]
    for name, each in results[FULL].items():
        bench, spread = BENCHES[name], f"{each['lowest']:.2f} to {each['highest']:.2f}, {each['pairs']} pairs"
        amounts = [
            f"{what}: {each[key]:.3g} {each['unit']}" for what, key in ((bench.ours, "ours"), (bench.theirs, "theirs"))
        ]
        where = f"{each['date']}, {each['processor']}, threads: {each['threads']}"
        rows.append(f"| {name} | {amounts[0]} | {amounts[1]} | **{each['ratio']:.2f}** | {spread} | {where} |")
    return "\n".join(rows)


def put(text: str, begin: str, end: str) -> None:
    """Put figures into docs/performance.md, between two marks."""
    before, begins, rest = PAGE.read_text().partition(begin)
    _, ends, after = rest.partition(end)
    if not (begins and ends):
        raise FacesiftError(f"{PAGE}: no place for the figures, {begin} ... {end}")
    with whole_file(PAGE) as part:
        part.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def main(
    names: Annotated[list[str] | None, typer.Argument(help="which benches; none: all")] = None,
    *,
    small: Annotated[bool, typer.Option(help="in seconds each, and fail where a ratio has fallen")] = False,
    keep: Annotated[bool, typer.Option(help="keep the small figures as those to compare with")] = False,
    pairs: Annotated[int, typer.Option(min=1, help="how often each way runs")] = PAIRS,
) -> None:
    """Measure our ways against others."""
    unknown = sorted(set(names or ()) - set(BENCHES))
    if unknown:
        raise FacesiftError(f"no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    scale = SMALL if small else FULL
    results: dict[str, Any] = {SMALL: {}, FULL: {}} | (read_json(RESULTS) if RESULTS.exists() else {})
    failed = []
    for name in names or BENCHES:
        bench = BENCHES[name]
        size = bench.small if small else bench.full
        if size is None:
            continue
        if small and bench.needs is not None and not bench.needs.exists():
            print(f"{name}: left out, there is no {bench.needs}; run `dvc repro` or `dvc pull` first")
            continue
        try:
            figures = run_bench(bench, size, pairs)
        except FacesiftError as error:  # the other benches run all the same
            failed += [f"{name}: {error}"]
            continue
        print(f"{name}: {_told(figures)}; {bench.what}", flush=True)
        failed += [told] if (told := fallen(name, figures, results[scale])) and small and not keep else []
        if keep or not small:
            results[scale][name] = figures | machine()
            write_json(RESULTS, results)
    if not small:
        put(table(results), BEGIN, END)
    if failed:
        raise FacesiftError("; ".join(failed))


def _told(figures: dict[str, Any]) -> str:
    spread = f"{figures['lowest']:.2f} to {figures['highest']:.2f}"
    return f"{figures['ratio']:.2f} times ({spread}), {figures['processor_seconds']:.0f} s of the processor in all"


if __name__ == "__main__":
    run_script(main)
