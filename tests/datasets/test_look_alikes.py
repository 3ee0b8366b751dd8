"""Clusters of look-alikes: different people cut out by one shape are told apart, copies of one photo are not."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw, ImageFilter

from facesift.audit.leakage import find_leakage
from facesift.config.data import Split
from facesift.datasets.near_duplicates import LinkRule, near_duplicate_groups
from facesift.datasets.splitting import split_images
from facesift.images.likeness import perceptual_hash, thumbnail
from facesift.portraits import drawing
from tests.made import default_params

PEOPLE = 60
RULE = LinkRule.of(default_params().split)
MOUTH = (64, 124, 116, 148)


@pytest.fixture(scope="module")
def heads():
    """Drawn heads, each cut out by the same oval, on white."""
    mask = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(mask).ellipse((12, 4, 116, 124), fill=255)
    made = []
    for seed in np.random.SeedSequence(21).spawn(PEOPLE):
        page = Image.new("RGB", (180, 200), (255, 255, 255))
        page.paste(Image.fromarray(drawing.draw_portrait(seed, 128).pixels), (26, 36), mask)
        made.append(page)
    return made


def looks(images: list[Image.Image]) -> pl.DataFrame:
    rows = [(perceptual_hash(image), thumbnail(image)) for image in images]
    return pl.DataFrame(rows, {"phash": pl.String, "thumbnail": pl.Binary}, orient="row")


def compressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("RGB")


def edited(image: Image.Image, donor: Image.Image) -> Image.Image:
    copy = image.copy()
    copy.paste(donor.crop(MOUTH), MOUTH[:2])
    return copy


def test_different_heads_that_one_shape_cuts_out_are_not_one_group(heads):
    found = near_duplicate_groups(looks(heads), RULE)
    assert found.look_alikes > PEOPLE / 2
    assert (np.bincount(found.groups) == 1).sum() >= 0.8 * PEOPLE
    assert found.largest < PEOPLE / 10


@pytest.mark.parametrize(
    "change",
    [compressed, lambda image: edited(image, Image.new("RGB", image.size, (150, 60, 70))), lambda image: image],
    ids=["compressed", "edited", "equal"],
)
def test_a_copy_of_such_a_head_stays_with_its_original(heads, change):
    found = near_duplicate_groups(looks([*heads, *(change(head) for head in heads[:10])]), RULE)
    assert (found.groups[:10] == found.groups[PEOPLE:]).sum() >= 9


def test_many_copies_of_one_photo_are_no_cluster_of_look_alikes(heads):
    blurs = [heads[0].filter(ImageFilter.GaussianBlur(radius / 20)) for radius in range(15)]
    found = near_duplicate_groups(looks([*blurs, *(edited(head, heads[1]) for head in blurs)]), RULE)
    assert (found.largest, found.look_alikes) == (30, 0)


def test_the_audit_tells_look_alikes_from_copies_as_the_split_does(heads):
    images = looks([*heads, *map(compressed, heads[:10])])
    table = images.with_columns(
        image_id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit("x"), fold=pl.lit(None, pl.String),
        label=pl.Series(["fake" if row % 4 == 0 else "real" for row in range(images.height)]),
        known_group=pl.lit(None, pl.String),
    )  # fmt: skip
    split = Split(**default_params().split.model_dump())
    divided = split_images(table, split, 1).table.join(table.select("image_id", "phash", "thumbnail"), on="image_id")
    assert find_leakage(divided, RULE).clean
    moved = pl.when(image_id=str(PEOPLE)).then(pl.when(split="train").then(pl.lit("test")).otherwise(pl.lit("train")))
    assert find_leakage(divided.with_columns(split=moved.otherwise("split")), RULE).near.across_splits >= 1
