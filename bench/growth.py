"""How time and memory grow with the number of images: `make growth`.

The stages run one by one, as `dvc repro` runs them, on generated images: a network of one epoch, a head on a toy
backbone of random weights, and their committee, which then screens all files. The processor's time an image and peak
memory go to bench/growth.json, into the table of docs/performance.md and, as a picture, to docs/pictures/growth.svg.
"""

from __future__ import annotations

import io
import os
import resource
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

from bench.ratios import PAGE, machine, put
from bench.toy import ROOT, TINY, compose_study, shrink
from bench.ways import processor_seconds
from facesift.cli.bench_timing import peak_memory
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from workflow.dvc_command import run_script

RESULTS, PICTURE = Path("bench/growth.json"), Path("docs/pictures/growth.svg")
SIZES = (6250, 25_000, 100_000)
BEGIN, END = "<!-- growth: make growth -->", "<!-- end of growth -->"
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
    """Run a command in `folder`; return the processor's seconds and its peak memory in MiB."""
    start, peak = processor_seconds(resource.RUSAGE_CHILDREN), 0.0
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)  # noqa: S603
        while process.poll() is None:
            peak = max(peak, peak_memory(Path(f"/proc/{process.pid}/status")) or 0)
            time.sleep(0.02)
    if process.returncode:
        raise FacesiftError(f"{' '.join(command)}:\n{(folder / 'output').read_text()}")
    return processor_seconds(resource.RUSAGE_CHILDREN) - start, peak


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
    import matplotlib as mpl  # noqa: PLC0415  a heavy import
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = [int(each) for each in results]
    for number, step in enumerate(next(iter(results.values()))):
        rows = [each[step] for each in results.values()]
        look = {"marker": "osv^"[number % 4], "label": step}  # there are more steps than colours
        left.plot(sizes, [_milliseconds(*pair) for pair in zip(rows, sizes, strict=True)], **look)
        right.plot(sizes, [row["mebibytes"] for row in rows], **look)
    for axes, title in ((left, "milliseconds of one core an image"), (right, "peak memory, MiB")):
        axes.set(title=title, xscale="log", xlabel="images", xticks=sizes, xticklabels=[f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    left.set_yscale("log")
    right.set_ylim(bottom=0)
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
    with mpl.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):  # the same bytes for the same figures
        figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})


def _milliseconds(row: dict[str, float], images: int) -> float:
    return 1e3 * row["seconds"] / images


def section(results: dict[str, Rows], where: dict[str, Any]) -> str:
    """Write the figures as a part of a page in Markdown: for each step and size milliseconds an image, and memory."""
    sizes = [int(each) for each in results]
    rows = [f"| step | {' | '.join(f'{size:,} images' for size in sizes)} |", f"|---|{'---|' * len(sizes)}"]
    for step in next(iter(results.values())):
        cells = [
            f"{_milliseconds(each[step], size):.2f} ms, {each[step]['mebibytes']:.0f} MiB"
            for each, size in zip(results.values(), sizes, strict=True)
        ]
        rows.append(f"| {step} | {' | '.join(cells)} |")
    total = [sum(row["seconds"] for row in each.values()) / 60 for each in results.values()]
    rows.append(f"| all, in minutes | {' | '.join(f'{minutes:.1f}' for minutes in total)} |")
    picture = f"![Time an image and peak memory by step and number of images]({PICTURE.relative_to(PAGE.parent)})"
    return "\n".join([picture, "", f"{where['date']}, {where['processor']}, one core.", "", *rows])


def main(
    sizes: Annotated[list[int] | None, typer.Argument(help="numbers of images, at least 500 each", min=500)] = None,
) -> None:
    """Run all sizes, and write the figures, the picture and the part of the page."""
    results: dict[str, Rows] = {}
    for size in sizes or SIZES:
        results[str(size)] = {}
        with tempfile.TemporaryDirectory(prefix="facesift-growth-") as folder:
            for name, row in run_size(Path(folder), size):
                results[str(size)][name] = row
                print(f"{size:>7,} images  {name:<7} {row['seconds']:7.1f} s {row['mebibytes']:7.0f} MiB", flush=True)
        write_json(RESULTS, {"machine": machine(), "sizes": results})
        draw(results)
        put(section(results, machine()), BEGIN, END)


if __name__ == "__main__":
    run_script(main)
