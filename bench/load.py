"""Load test of the service on loopback: `make load`. Prints one JSON object.

    python -m bench.load --bundle models/committee --soak 600

Four ways in turn, A B C D A B C D, as other programs may share the machine: bare ONNX Runtime on decoded pixels (the
floor), `screen` without HTTP, the service, and the service without batching. Then a swap of bundles, slow clients,
broken images, ten times too many requests, and a soak. All are bounded, and none leaves this machine. wrk measures the
throughput: a client in Python would take more time than the service (`apt-get install wrk`).
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import load_scenarios
from bench.load_server import Running, serving
from facesift.bundle.preprocessing import stack_inputs
from facesift.core.errors import FacesiftError
from facesift.portraits.dataset import make_image, plan_fake
from facesift.screening.committee import Committee
from facesift.screening.stream import read_data

CONNECTIONS = (1, 8, 64)
IMAGES, SIDE, SEED = 100, 160, 7
SCRIPT = Path(__file__).with_suffix(".lua")
Figures = dict[str, Any]


def main(
    bundle: Annotated[Path, typer.Option(help="exported committee")] = Path("models/committee"),
    rounds: Annotated[int, typer.Option(help="how often each way is measured")] = 3,
    seconds: Annotated[float, typer.Option(help="of each measurement")] = 3.0,
    soak: Annotated[float, typer.Option(help="seconds of the soak")] = 60.0,
) -> None:
    """Measure throughput and latency, then what can go wrong."""
    if shutil.which("wrk") is None:
        raise FacesiftError("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="facesift-load-") as folder:
        room = Path(folder)
        bodies = [make_image(plan_fake(SEED, number), SEED, SIDE) for number in range(IMAGES)]
        found: Figures = {"machine": {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}}
        found |= throughput(bundle, room, bodies, rounds, seconds)
        found["swap"] = load_scenarios.swap(bundle, room, bodies, 10)
        with serving(bundle, "--upload-seconds", "2") as service:
            found["slow_clients"] = load_scenarios.slow_clients(service.port, bodies, seconds)
            found["broken_images"] = load_scenarios.broken_images(service.port, bodies, seconds)
        found["replicas"] = load_scenarios.replicas(bundle, room, bodies, seconds)
        found["overload"] = load_scenarios.overload(bundle, bodies, seconds)
        found["soak"] = load_scenarios.soak(bundle, room, bodies, soak)
    print(json.dumps(found, indent=2))


def throughput(bundle: Path, room: Path, bodies: Sequence[bytes], rounds: int, seconds: float) -> Figures:
    """Images a second by each way, medians over the rounds, and their ratios to the floor."""
    names = write_images(room / "images", bodies)
    rows: dict[str, list[Figures]] = defaultdict(list)
    with (
        serving(bundle, "--log", str(room / "batched")) as batched,
        serving(bundle, "--log", str(room / "single"), "--batch-size", "1") as single,
    ):
        for _, connections in itertools.product(range(rounds), CONNECTIONS):
            rows[f"floor {connections}"].append(floor(bundle, bodies, connections, seconds / 3))
            rows[f"screen {connections}"].append(screened(bundle, bodies, connections, seconds / 3))
            rows[f"service {connections}"].append(ask(batched, names, connections, seconds))
            rows[f"without_batching {connections}"].append(ask(single, names, connections, seconds))
    middle = {
        name: {key: round(statistics.median(each[key] for each in some), 2) for key in some[0]}
        for name, some in rows.items()
    }
    ratios = {
        f"{way} {connections}": round(_ratio(rows[f"service {connections}"], rows[f"{way} {connections}"]), 2)
        for way, connections in itertools.product(("floor", "screen", "without_batching"), CONNECTIONS)
    }
    return {"throughput": middle, "service_over": ratios}


def _ratio(service: Sequence[Figures], other: Sequence[Figures]) -> float:
    """Median of the ratios within each round."""
    return statistics.median(a["a_second"] / b["a_second"] for a, b in zip(service, other, strict=True))


def write_images(folder: Path, bodies: Sequence[bytes]) -> Path:
    """Write the images and a list of their names, for wrk."""
    folder.mkdir()
    for number, body in enumerate(bodies):
        (folder / f"{number}.jpg").write_bytes(body)
    names = folder / "names"
    names.write_text("".join(f"{path}\n" for path in sorted(folder.glob("*.jpg"))))
    return names


def ask(service: Running, names: Path, connections: int, seconds: float) -> Figures:
    """Let wrk ask the service."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), service.url, "--", str(names)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a fixed command
    figures = json.loads(done.stdout.partition("FIGURES ")[2].splitlines()[0])
    figures["a_second"] = figures.pop("requests") / figures.pop("seconds")
    return figures


def floor(bundle: Path, bodies: Sequence[bytes], batch: int, seconds: float) -> Figures:
    """Score decoded pixels, as many at a time as there are connections, at most 32, and do nothing else."""
    committee, some = _committee(bundle), _first(bodies, batch)
    reads = [read_data("", body, committee.preprocessor) for body in some]
    inputs = stack_inputs([read.seen for read in reads if read.seen is not None])
    return {"a_second": _pace(lambda: len(committee.logits(inputs)) and len(reads), seconds)}


def screened(bundle: Path, bodies: Sequence[bytes], batch: int, seconds: float) -> Figures:
    """Decode, score and put into a table, without HTTP and without threads."""
    committee, log = _committee(bundle), _committee(bundle).log()
    some = _first(bodies, batch)

    def work() -> int:
        return committee.decide_reads([read_data("", body, committee.preprocessor) for body in some], log).height

    return {"a_second": _pace(work, seconds)}


def _first(bodies: Sequence[bytes], batch: int) -> list[bytes]:
    return list(itertools.islice(itertools.cycle(bodies), min(batch, 32)))


_OPEN: dict[Path, Committee] = {}


def _committee(bundle: Path) -> Committee:
    if bundle not in _OPEN:
        _OPEN[bundle] = Committee.load(bundle, threads=1)
    return _OPEN[bundle]


def _pace(work: Any, seconds: float) -> float:
    """Images a second: `work` returns how many it did."""
    work()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += work()
    return done / (time.perf_counter() - started)


if __name__ == "__main__":
    typer.run(main)
