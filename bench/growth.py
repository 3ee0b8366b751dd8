"""How time and memory grow with the number of images: `python -m bench.growth`.

The stages run one by one, as `dvc repro` runs them, on generated images: a network of one epoch, a head on a toy
backbone of random weights, and their committee, which then screens all files. Sizes are 1, 4 and 16 times the first.
Time an image and peak memory go to bench/growth.json and, as a picture, to docs/pictures/growth.png.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml
from PIL import Image

from bench.ratios import machine
from bench.toy import ROOT, TINY, compose_study, shrink
from facesift.cli.bench_timing import peak_memory
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from workflow.dvc_command import run_script

RESULTS, PICTURE = Path("bench/growth.json"), Path("docs/pictures/growth.png")
TIMES = (1, 4, 16)
SIDE = 64
STAGES = {
    "ingest": ["ingest"], "split": ["split"], "shard": ["shard"], "embed": ["embed toy"],
    "sample": ["sample network", "sample head"], "train": ["train network", "train head"],
    "stack": ["members", "stack", "stability"], "vote": ["vote", "operate"], "audit": ["audit"], "export": ["export"],
}  # fmt: skip
SCREEN = "screen"
Rows = dict[str, dict[str, float]]


def parameters() -> dict[str, Any]:
    """Return the parameters of a toy study with one network, and one head on a toy backbone."""
    tree, heads = compose_study("study=folders"), compose_study("study=folders_best")
    (backbone,) = heads["backbones"].values()
    head = next(iter(heads["members"].values()))
    head["architecture"] |= {"views": ["whole"]}
    tree["members"] = {"network": tree["members"]["convnext2"], "head": head | {"input": "features/toy"}}
    tree["backbones"] = {"toy": backbone | {"copies": backbone["copies"] | {"count": 0}}}
    tree = shrink(tree)
    tree["backbones"]["toy"] |= TINY | {"views": ["whole"]}
    tree["shard"]["images"], tree["parallel"]["jobs"] = 1000, 1
    return tree


def write_images(folder: Path, images: int) -> None:
    """Write two zips of JPEGs of coarse noise; one image in 25 is a fake, which has a patch."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "real.zip", "w") as real, zipfile.ZipFile(folder / "fake.zip", "w") as fake:
        for number in range(images):
            rng = np.random.default_rng(number)
            coarse = Image.fromarray(rng.integers(0, 160, (12, 12, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).copy()
            if number % 25 == 0:
                pixels[20:36, 20:36] += 60
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "JPEG", quality=90)
            (fake if number % 25 == 0 else real).writestr(f"{number:06d}.jpg", data.getvalue())


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command in `folder`; return its seconds and its peak memory in MiB."""
    start, peak = time.perf_counter(), 0.0
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)  # noqa: S603
        while process.poll() is None:
            peak = max(peak, peak_memory(Path(f"/proc/{process.pid}/status")) or 0)
            time.sleep(0.02)
    if process.returncode:
        raise FacesiftError(f"{' '.join(command)}:\n{(folder / 'output').read_text()}")
    return time.perf_counter() - start, peak


def run_size(folder: Path, images: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Run the stages on so many images; yield the name, seconds and mebibytes of each step."""
    write_images(folder / "data/raw/folders", images)
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters(), sort_keys=False), encoding="utf-8")
    for name, stages in STAGES.items():
        found = [measured([sys.executable, "-m", *f"stages.{stage}".split()], folder) for stage in stages]
        yield name, {"seconds": sum(one for one, _ in found), "mebibytes": max(other for _, other in found)}
    screen = [sys.executable, "-m", "facesift.cli.main", "screen", "data/raw/folders", "--output", "all.parquet"]
    seconds, mebibytes = measured(screen, folder)
    yield SCREEN, {"seconds": seconds, "mebibytes": mebibytes}


def draw(results: dict[str, Rows]) -> None:
    """Draw time an image and peak memory by the number of images."""
    from matplotlib.figure import Figure  # noqa: PLC0415  a heavy import

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = [int(each) for each in results]
    for step in next(iter(results.values())):
        rows = [each[step] for each in results.values()]
        shares = [1e3 * row["seconds"] / size for row, size in zip(rows, sizes, strict=True)]
        left.plot(sizes, shares, marker="o", label=step)
        right.plot(sizes, [row["mebibytes"] for row in rows], marker="o", label=step)
    for axes, title in ((left, "milliseconds an image (one core)"), (right, "peak memory, MiB")):
        axes.set(title=title, xscale="log", xlabel="images", xticks=sizes, xticklabels=[f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    left.set_yscale("log")
    right.set_ylim(bottom=0)
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def main(images: Annotated[int, typer.Option(min=500, help="of the smallest size")] = 6250) -> None:
    """Run all sizes, and write the figures and the picture."""
    results: dict[str, Rows] = {}
    for times in TIMES:
        size = times * images
        results[str(size)] = {}
        with tempfile.TemporaryDirectory(prefix="facesift-growth-") as folder:
            for name, row in run_size(Path(folder), size):
                results[str(size)][name] = row
                print(f"{size:>7,} images  {name:<7} {row['seconds']:7.1f} s {row['mebibytes']:7.0f} MiB", flush=True)
        write_json(RESULTS, {"machine": machine(), "sizes": results})
    draw(results)


if __name__ == "__main__":
    run_script(main)
