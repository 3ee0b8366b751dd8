"""Torch's logits that are kept between exports."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from facesift.bundle import kept_logits
from facesift.bundle.inputs import BackboneInputs, MemberInputs
from facesift.bundle.kept_logits import KeptLogits, surroundings

RNG = np.random.default_rng(1)
PIXELS = [RNG.integers(0, 256, (3, 4, 4, 3), dtype=np.uint8) for _ in range(2)]  # two batches
FEATURES = RNG.normal(size=(3, 5)).astype(np.float16)
LOGITS = [RNG.normal(size=(3, 2)).astype(np.float32) / 3 for _ in range(2)]
LOGITS[1][0] = -0.0, np.nextafter(np.float32(1), np.float32(2))


@dataclass
class Torch:
    """Counts how often it is asked."""

    asked: int = 0

    def logits(self, inputs, members):
        self.asked += 1
        found = LOGITS[int(np.array_equal(inputs.pixels, PIXELS[1]))]
        return {name: found + number for number, name in enumerate(members)}


def card(**changes):
    """A committee of one network on pixels and one head."""
    members = {"one": {"backbone": None, "sha256": "a"}, "two": {"backbone": "clip", "sha256": "b"}}
    for name, change in changes.items():
        members[name] |= change
    return SimpleNamespace(members=[SimpleNamespace(name=name, **each) for name, each in members.items()])


def batches(pixels=tuple(PIXELS), features=FEATURES):
    return [MemberInputs(each, [BackboneInputs(features={"clip": row}) for row in features]) for each in pixels]


def ask(folder, torch, committee=None, inputs=None, members=("one", "two")):
    kept = KeptLogits(folder, committee or card(), lambda: torch)
    return [kept.logits(each, members) for each in inputs or batches()]


@pytest.fixture
def torch():
    return Torch()


def test_kept_logits_are_those_of_torch_to_the_last_bit_and_in_its_order(tmp_path, torch):
    computed, kept = ask(tmp_path, torch), ask(tmp_path, torch)
    assert torch.asked == len(PIXELS)
    for before, after in zip(computed, kept, strict=True):
        assert list(after) == list(before)
        assert [each.tobytes() for each in after.values()] == [each.tobytes() for each in before.values()]
        assert all(each.dtype == np.float32 and each.flags.c_contiguous for each in after.values())


def test_nothing_is_opened_for_logits_that_are_kept(tmp_path, torch):
    ask(tmp_path, torch)
    kept = KeptLogits(tmp_path, card(), lambda: pytest.fail("torch was opened"))
    kept.logits(batches()[0], ["one", "two"])


def changed(values, place):
    other = values.copy()
    other[place] += 1
    return other


@pytest.mark.parametrize(
    "change",
    [
        {"committee": card(one={"sha256": "c"})},
        {"committee": card(two={"sha256": "c"})},
        {"inputs": batches(pixels=[changed(each, (2, 3, 3, 2)) for each in PIXELS])},
        {"inputs": batches(features=changed(FEATURES, (2, 4)))},
        {"inputs": [each[:2] for each in batches()]},
        {"inputs": batches(pixels=[each.reshape(3, 2, 8, 3) for each in PIXELS])},
        {"inputs": list(reversed(batches()))},
        {"members": ("two", "one")},
    ],
    ids=["weights", "head", "pixels", "features", "images", "shape", "order", "members"],
)
def test_whatever_the_logits_depend_on_makes_torch_compute_them(tmp_path, torch, change):
    ask(tmp_path, torch)
    ask(tmp_path, torch, **change)
    assert torch.asked == 2 * len(PIXELS)


@pytest.mark.parametrize("change", ["program", "libraries", "processor", "cores", "threads"])
def test_other_surroundings_make_torch_compute_them(tmp_path, torch, monkeypatch, change):
    ask(tmp_path, torch)
    if change == "threads":
        monkeypatch.setenv("OMP_NUM_THREADS", "77")
    else:
        assert change in surroundings()
        other = surroundings() | {change: "other"}
        monkeypatch.setattr(kept_logits, "surroundings", lambda: other)
    ask(tmp_path, torch)
    assert torch.asked == 2 * len(PIXELS)


def test_a_code_change_anywhere_in_the_library_is_another_program(monkeypatch):
    monkeypatch.setattr("facesift.core.parallel.code_fingerprint", lambda: "other")
    before = surroundings()["program"]
    kept_logits.environment_fingerprint.cache_clear()
    try:
        assert surroundings()["program"] != before
    finally:
        kept_logits.environment_fingerprint.cache_clear()


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damaged_logits_are_computed_again(tmp_path, torch, damage):
    ask(tmp_path, torch)
    path = tmp_path / "0.parquet"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-9] if damage == "cut" else whole[:6] + bytes([whole[6] ^ 1]) + whole[7:])
    again = ask(tmp_path, torch)
    assert torch.asked == len(PIXELS) + 1
    assert again[0]["one"].tobytes() == LOGITS[0].tobytes()
    assert path.read_bytes() == whole
