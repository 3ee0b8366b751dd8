"""The drawing itself: same bytes for the same content, nothing cut off, nothing on top of each other."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from facesift.config.evaluation import Pictures
from facesift.core.classes import Classes
from facesift.report.class_means import ClassStatistics, draw_class_means
from facesift.report.embedding import class_colours, draw_points
from facesift.report.figures import GridRow, draw_grid, write_png
from facesift.report.training_samples import draw_forged, draw_smote, draw_training
from facesift.sampling.plans import make_plan
from tests.made import make_shards
from tests.made_config import Augment, Forge, Resample

BINARY = Classes(("real", "fake"), "fake")
MANY = Classes(("real", "deepfake_of_2019", "face_swap", "gan_generated", "retouched"), "gan_generated")
SPEC = Pictures(points=100, samples=12, seed=3)


def statistics(classes):
    rng = np.random.default_rng(0)
    return [ClassStatistics.of(rng.integers(0, 256, (3, 16, 16, 3))) for _ in classes.names]


def points(classes, images=60):
    rng = np.random.default_rng(0)
    sources = rng.choice(["celeba", "flickr_faces_hq", "rff"], images).tolist()
    return draw_points("title", rng.normal(size=(images, 2)), rng.integers(0, 5, images), sources, classes)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("pictures") / "train", 60, 12)


@pytest.fixture(scope="module")
def plan(shards):
    return make_plan(shards, Resample(scope="shard", smote=0.5, neighbours=3), seed=1)


def draw_forged_plan(shards):
    return draw_forged("member_1", shards, make_plan(shards, Resample(scope="split", forge=Forge(ratio=1.0)), 1), SPEC)


FIGURES = {
    "two classes": lambda *_: draw_class_means(statistics(BINARY), BINARY),
    "five classes": lambda *_: draw_class_means(statistics(MANY), MANY),
    "points": lambda *_: points(MANY),
    "training": lambda *data: draw_training("member_1", *data, Augment(flip=1.0), SPEC),
    "smote": lambda *data: draw_smote("member_1", *data, SPEC),
    "forged": lambda shards, _: draw_forged_plan(shards),
}


@pytest.mark.parametrize("name", ["two classes", "points"])
def test_same_content_gives_the_same_bytes(tmp_path, shards, plan, name):
    for file in "ab":
        write_png(tmp_path / file, FIGURES[name](shards, plan))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_inside_and_apart(shards, plan, name):
    figure = FIGURES[name](shards, plan)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    frame = figure.bbox.padded(1)
    texts = [text for text in figure.findobj(Text) if text.get_text() and not text.get_text().isdigit()]  # no ticks
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert len(boxes) > 3
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_file_names_no_program_and_no_date(tmp_path):
    write_png(tmp_path / "a.png", points(MANY))
    with Image.open(tmp_path / "a.png") as image:
        assert set(image.info) <= {"dpi"}
        assert image.width == 1000


def test_users_own_settings_change_nothing(tmp_path):
    write_png(tmp_path / "a", points(MANY))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 20}):
        write_png(tmp_path / "b", points(MANY))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_settings_of_the_process_stay_as_they_were(tmp_path):
    with mpl.rc_context({"font.size": 30}):
        write_png(tmp_path / "a", points(MANY))
        assert mpl.rcParams["font.size"] == 30


def test_images_are_drawn_as_they_are():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    (drawn,) = draw_grid("title", [GridRow("row", [image])]).axes[0].get_images()
    assert np.array_equal(drawn.get_array(), image)


def test_heat_maps_of_a_row_share_one_scale():
    figure = draw_grid("title", [GridRow("row", [np.full((4, 4), 3.0), np.full((4, 4), 12.0)], unit="grey levels")])
    assert [axes.get_images()[0].get_clim() for axes in figure.axes[:2]] == [(0, 12), (0, 12)]


def test_differences_are_from_the_positive_class_to_each_other():
    found = statistics(MANY)
    figure = draw_class_means(found, MANY)
    columns = len(MANY.names) + 1  # and the scale
    third = [axes.get_images() for axes in figure.axes[2 * columns : 3 * columns - 1]]
    assert [bool(images) for images in third] == [True, True, True, False, True]
    expected = np.abs(found[0].mean - found[3].mean).mean(axis=2)
    np.testing.assert_allclose(third[0][0].get_array(), expected)


def test_class_without_an_image_is_left_empty():
    found = [*statistics(BINARY)[:1], ClassStatistics.of(np.empty((0, 16, 16, 3)))]
    figure = draw_class_means(found, BINARY)
    assert [bool(axes.get_images()) for axes in figure.axes[:2]] == [True, False]


def test_positive_class_has_its_own_colour():
    assert class_colours(BINARY)[1] == class_colours(MANY)[3]
    assert len(set(class_colours(MANY))) == 5


def test_every_point_is_drawn_once():
    figure = points(MANY)
    assert sum(len(group.get_offsets()) for group in figure.axes[0].collections) == 60


def test_plan_without_smote_has_no_picture_of_it(shards):
    assert draw_smote("m", shards, make_plan(shards, Resample(scope="none"), 1), SPEC) is None


def test_plan_without_forging_has_no_picture_of_it(shards, plan):
    assert draw_forged("m", shards, plan, SPEC) is None


def test_each_forged_kind_has_its_rows(shards):
    labels = [axes.get_ylabel().replace("\n", "") for axes in draw_forged_plan(shards).axes if axes.get_ylabel()]
    assert labels == ["real", "composite", "donor", "real", "self-blend"]


def test_member_without_augmentation_shows_its_images_alone(shards, plan):
    figure = draw_training("m", shards, plan, Augment(), SPEC)
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["real", "fake"]
