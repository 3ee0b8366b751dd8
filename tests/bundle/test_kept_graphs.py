"""Graphs that are kept between exports."""

import pytest

from facesift.bundle.kept_graphs import graph_key, kept_graph


@pytest.fixture
def weights(tmp_path):
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("one", "two")}
    for name, path in paths.items():
        path.write_text(name)
    return paths


class Tracer:
    """Counts how often it traces."""

    def __init__(self):
        self.times = 0

    def __call__(self, path):
        self.times += 1
        path.write_bytes(b"graph")
        path.with_name(f"{path.name}.data").write_bytes(b"large")


@pytest.fixture
def trace():
    return Tracer()


def write(store, key, room, trace):
    room.mkdir()
    kept_graph(store, key, room / "committee.onnx", trace)
    return {path.name: path.read_bytes() for path in room.iterdir()}


WHOLE = {"committee.onnx": b"graph", "committee.onnx.data": b"large"}


def test_a_kept_graph_is_not_traced_again(tmp_path, trace):
    written = [write(tmp_path / "store", "key", tmp_path / name, trace) for name in ("a", "b")]
    assert (written, trace.times) == ([WHOLE, WHOLE], 1)


def test_a_damaged_graph_is_traced_again(tmp_path, trace):
    write(tmp_path / "store", "key", tmp_path / "a", trace)
    (tmp_path / "store/key/committee.onnx").write_bytes(b"grapf")
    assert (write(tmp_path / "store", "key", tmp_path / "b", trace), trace.times) == (WHOLE, 2)


def test_one_graph_is_kept_and_no_more(tmp_path, trace):
    for key in ("first", "second"):
        write(tmp_path / "store", key, tmp_path / key, trace)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["second"]


def test_nothing_is_kept_of_a_graph_that_cannot_be_traced(tmp_path):
    with pytest.raises(ZeroDivisionError):
        kept_graph(tmp_path / "store", "key", tmp_path / "committee.onnx", lambda _: 1 / 0)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("change", ["weights", "names", "order", "size"])
def test_whatever_decides_the_graph_is_part_of_its_key(weights, change):
    before, size = graph_key(weights, {"image_size": 32}), 32
    if change == "weights":
        weights["two"].write_text("other")
    elif change == "names":
        weights = {"one": weights["one"], "three": weights["two"]}
    elif change == "order":
        weights = dict(reversed(weights.items()))
    else:
        size = 64
    assert graph_key(weights, {"image_size": size}) != before
    assert graph_key(weights, {"image_size": size}) == graph_key(weights, {"image_size": size})
