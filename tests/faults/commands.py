"""What a forked process can run besides stages: commands of `facesift`, and readers of single files."""

import json
import sys
from pathlib import Path


def say(value):
    """Print a line, where the test finds it."""
    sys.stdout.write(f"{value}\n")


def facesift(*arguments):
    """The command, as it is typed."""
    from facesift.cli.main import app

    app(list(arguments), standalone_mode=True)


def read_image(path, result):
    """Read one file as `facesift screen` does, and write the reason or its size."""
    from facesift.bundle.card_parts import ImageCard
    from facesift.bundle.preprocessing import Preprocessor
    from facesift.config.data import WHOLE
    from facesift.images.paths import find_files
    from facesift.screening.stream import read_image as read

    limits = {"max_pixels": 50_000_000, "max_bytes": 50_000_000}
    preprocessor = Preprocessor(ImageCard(image_size=32, resize="squish", crop=WHOLE, **limits))
    found = [read(file, preprocessor) for file in find_files([path], sys.stdin.buffer)]
    Path(result).write_text(json.dumps([[each.name, each.reason, each.width] for each in found]))


def first_id(table):
    """Print the id of the first image of a table."""
    import polars as pl

    say(pl.read_parquet(table)["image_id"][0])


IDS = [f"{number:032x}" for number in range(0x1111, 0x1111 + 9)]


def plant_answers(folder):
    """Write the answers of one reviewer."""
    from facesift.datasets.review_files import Answer
    from facesift.review.answers import locked_append, open_answer_log

    log = open_answer_log(Path(folder), "anna", say)
    for number, image_id in enumerate(IDS):
        with locked_append(log) as append:
            append(Answer(image_id, "fake" if number % 2 else "real", "anna", "2026-11-27T10:00:00Z", 2.5, "review"))


def read_answers(folder):
    """Print what counts of the answers, and what does not."""
    from facesift.core.errors import FacesiftError
    from facesift.datasets.reviews import read_reviews

    try:
        say(read_reviews(Path(folder), say).rows())
    except FacesiftError as error:
        sys.exit(f"error: {error}")


def replace_bundle(folder, seconds):
    """Replace a bundle by one with another card, again and again."""
    import shutil
    import time

    from facesift.core.files import whole_folder
    from tests.made_bundle import change_card

    end, number = time.monotonic() + seconds, 0
    keep = Path(shutil.copytree(folder, "kept"))
    while time.monotonic() < end:
        number += 1
        with whole_folder(Path(folder)) as part:
            shutil.copytree(keep, part, dirs_exist_ok=True)
            change_card(part, lambda card: card["versions"].update(number=str(number)))  # noqa: B023 - called at once


def load_bundle(folder, seconds, name):
    """Load the bundle as often as possible, and count how it went."""
    import time
    from collections import Counter

    from facesift.core.errors import FacesiftError
    from facesift.screening.committee import Committee

    end, counts = time.monotonic() + seconds, Counter()
    while time.monotonic() < end:
        try:
            Committee.load(Path(folder))
            counts["same"] += 1
        except FacesiftError as error:
            counts["refused"] += 1
            say(error)
    Path(f"{name}.json").write_text(json.dumps(counts))


def count_rows(table):
    """Print the numbers of rows, of different names, and of lines of a table."""
    import polars as pl

    read = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[Path(table).suffix]
    frame = read(table)
    say(json.dumps([frame.height, frame["image"].n_unique(), Path(table).read_bytes().count(b"\n")]))
