"""The script for a GPU, at toy size on the CPU: packing, training in a given time, and what it needs installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench import gpu, gpu_run, gpu_training
from bench.gpu_batches import Batches
from bench.gpu_figures import figures
from bench.gpu_run import MEAN, READ_ONCE, run
from bench.gpu_training import norm_tuned
from bench.pack_faces import RECIPE, check_place, pack, packed_study
from bench.packed_faces import BACKBONE, Faces, read_faces, read_split, training_images
from bench.toy import ROOT, compose_study, shrink
from bench.toy_images import write_study
from facesift.core.errors import FacesiftError
from facesift.networks.published_networks import NETWORKS
from facesift.sampling.resamplers import interpolate

TINY = "test_vit"  # 160 pixels, 0.4 million parameters
PUBLISHED = [f"convnext{number}" for number in range(1, 5)]


def toy_study():
    tree = shrink(packed_study())
    tree["members"][BACKBONE]["architecture"]["name"] = f"timm:{TINY}"
    return tree


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    write_study(folder, toy_study())
    return folder


@pytest.fixture(scope="module")
def packed(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack") / "faces"
    pack(toy_study(), raw, folder, quality=90, most=60)
    return folder


@pytest.fixture(scope="module")
def results(packed, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    run(packed, out, seconds=600)
    return out


@pytest.fixture
def two(packed, monkeypatch):
    """The packed folder with two networks alone, which a test may change before they are trained."""
    faces = read_faces(packed)
    for name in PUBLISHED[:-1]:
        del faces.recipes[name]
    monkeypatch.setattr(gpu_run, "read_faces", lambda _: faces)
    return faces


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other on a busy machine would take most of the time."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def read(out):
    return json.loads((out / "results.json").read_text())


def test_the_four_published_recipes_are_packed_at_full_size():
    recipes = packed_study()["members"]
    assert list(recipes) == [*PUBLISHED, BACKBONE]
    for name in PUBLISHED:
        assert recipes[name]["architecture"]["name"] == "convnext_thesis"
        assert recipes[name]["architecture"]["arguments"] == {}
        assert recipes[name] == compose_study("study=rff_celeba")["members"][name]


def test_packed_images_are_those_of_the_split(packed):
    faces = read_faces(packed)
    counts = {split: len(read_split(faces, split).labels) for split in ("train", "val", "test")}
    described = json.loads((packed / "faces.json").read_text())["images"]
    assert counts == {split: sum(each.values()) for split, each in described.items()}


def test_no_near_duplicate_group_is_on_two_sides(packed):
    faces = read_faces(packed)
    groups = [set(read_split(faces, split).groups.tolist()) for split in ("train", "val", "test")]
    assert sum(len(each) for each in groups) == len(set().union(*groups))


def test_smote_is_made_of_the_packed_pixels(packed):
    faces = read_faces(packed)
    train = read_split(faces, "train")
    made = training_images(faces, train, "convnext1")
    with np.load(packed / "plans/convnext1.npz") as plan:
        row = np.flatnonzero(plan["synthetic"])[0]
        base, neighbour = (train.pixels[plan[name][row]].astype(np.float32) for name in ("base", "neighbour"))
        expected = interpolate(base[None], neighbour[None], plan["step"][[row]])[0]
    np.testing.assert_array_equal(made.pixels[row], expected)
    assert np.bincount(made.labels).tolist() == [(made.labels == 0).sum()] * 2  # SMOTE(1.0)


def test_packing_twice_gives_the_same_bytes(raw, packed, tmp_path):
    pack(toy_study(), raw, tmp_path / "faces", quality=90, most=60)
    files = sorted(path.relative_to(packed) for path in packed.rglob("*") if path.is_file())
    assert all((tmp_path / "faces" / name).read_bytes() == (packed / name).read_bytes() for name in files)


def test_too_large_a_folder_is_refused_and_not_written(raw, tmp_path):
    with pytest.raises(FacesiftError, match=r"--quality 95 makes .* MB, more than --most 0.1: lower"):
        pack(toy_study(), raw, tmp_path / "faces", quality=95, most=0.1)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_git_would_see_is_refused():
    with pytest.raises(FacesiftError, match="git would see these faces"):
        check_place(ROOT / "data" / "packed")
    check_place(ROOT / ".work" / "packed")


def test_every_network_is_trained_and_has_its_figures(results):
    networks = read(results)["networks"]
    assert set(networks) == {*PUBLISHED, BACKBONE, MEAN}
    for entry in networks.values():
        assert set(entry["figures"]) == {"val", "test"}
        assert entry["figures"]["test"]["all"]["auc_interval"] is not None
    for name in (*PUBLISHED, BACKBONE):
        assert networks[name]["epochs"] == networks[name]["epochs_of_recipe"] == 1
        assert networks[name]["training_images_per_second"] > 0


def test_networks_train_in_bfloat16_as_on_a_gpu(packed, tmp_path, monkeypatch):
    faces = read_faces(packed)
    for name in PUBLISHED[:-2]:  # the last two have the two losses
        del faces.recipes[name]
    monkeypatch.setattr(gpu_run, "read_faces", lambda _: faces)
    monkeypatch.setattr(gpu_training, "precision", lambda: "bf16-mixed")
    networks = run(packed, tmp_path, seconds=600)["networks"]
    assert not [name for name, entry in networks.items() if "error" in entry]
    assert all(0 <= entry["figures"]["val"]["all"]["auc"] <= 1 for entry in networks.values())


def test_of_the_backbone_norms_and_head_alone_learn(results):
    entry = read(results)["networks"][BACKBONE]
    assert 0 < entry["learning_parameters"] < entry["parameters"] / 10
    assert entry["first_weights"] == "random"


def test_results_say_that_the_test_split_was_read_once(results):
    assert read(results)["test"] == READ_ONCE
    assert READ_ONCE in (results / "tables.md").read_text()


def test_test_images_are_read_after_all_training(two, tmp_path, monkeypatch):
    order = []
    for name in ("read_split", "train_network"):
        plain = getattr(gpu_run, name)

        def logged(*arguments, plain=plain):
            order.append(next(each for each in arguments if isinstance(each, str)))
            return plain(*arguments)

        monkeypatch.setattr(gpu_run, name, logged)
    run(two.folder, tmp_path, seconds=600)
    assert order.count("test") == 1
    assert order.index("test") > max(order.index(name) for name in two.recipes)


def test_a_network_stops_when_its_time_is_up_and_is_validated(two, tmp_path):
    for recipe in two.recipes.values():
        recipe.epochs = 10_000
    run(two.folder, tmp_path, seconds=1)
    for name in two.recipes:
        entry = read(tmp_path)["networks"][name]
        assert 0 < entry["epochs"] < 10_000
        assert len(entry["history"]) >= entry["kept_epoch"] >= 1


def test_a_network_that_diverges_is_reported_and_the_others_go_on(two, tmp_path):
    two.recipes["convnext4"].optimizer.lr = 1e30
    run(two.folder, tmp_path, seconds=600)
    networks = read(tmp_path)["networks"]
    assert "loss is not a number" in networks["convnext4"]["error"]
    assert "figures" in networks[BACKBONE]
    assert "loss is not a number" in (tmp_path / "tables.md").read_text()


def test_another_backbone_and_its_weights_can_be_given(two, tmp_path):
    import timm
    from safetensors.torch import save_file

    weights = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_convnext", num_classes=5).state_dict(), weights)
    entry = run(two.folder, tmp_path, 600, "test_convnext", weights)["networks"][BACKBONE]
    assert entry["architecture"] == "timm:test_convnext"
    assert entry["first_weights"] == "weights.safetensors"


def test_a_backbone_without_norms_that_learn_is_refused(packed):
    recipe = read_faces(packed).recipes[BACKBONE]
    recipe.architecture.name = "timm:test_efficientnet"
    with pytest.raises(FacesiftError, match="has no LayerNorm"):
        norm_tuned(recipe, 2)


def test_the_backbone_of_the_recipe_is_a_model_of_timm():
    import timm

    assert timm.is_model(yaml.safe_load(RECIPE.read_text())["architecture"]["name"].removeprefix("timm:"))


def test_the_published_network_has_206_million_parameters():
    import torch

    with torch.device("meta"):
        network = NETWORKS["convnext_thesis"](2, 125)
    assert round(sum(each.numel() for each in network.parameters()) / 1e6, 1) == 206.6


def test_figures_within_leave_out_sources_of_one_class():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 30 + [1] * 30 + [0] * 40)
    sources = np.array(["rff"] * 60 + ["celeba"] * 40)
    faces = Faces(np.empty((100, 0, 0, 3), np.uint8), labels, sources, np.arange(100))
    score = np.where(sources == "rff", 1.0, -1.0) + rng.normal(0, 1e-3, 100)
    found = figures(faces, score, 1)
    assert (found["all"]["images"], found["within"]["images"]) == (100, 60)
    assert found["all"]["auc"] > 0.75
    assert found["within"]["auc"] < 0.7


@pytest.mark.parametrize(("images", "sizes"), [(4, [2, 2]), (5, [2, 3]), (1, [1]), (6, [2, 2, 2])])
def test_no_batch_but_a_lonely_one_has_one_image(images, sizes):
    import torch

    batches = Batches(torch.zeros(images, 2, 2, 3), torch.arange(images), 2, seed=1)
    found = list(batches)
    assert [len(labels) for _, labels in found] == sizes
    assert len(batches) == len(sizes)
    assert sorted(torch.cat([labels for _, labels in found]).tolist()) == list(range(images))


def test_passes_have_orders_of_their_own():
    import torch

    batches = Batches(torch.zeros(50, 2, 2, 3), torch.arange(50), 50, seed=1)
    first, second = (next(iter(batches))[1].tolist() for _ in range(2))
    assert first != second


def test_a_folder_that_is_not_packed_names_the_command(tmp_path):
    with pytest.raises(FacesiftError, match=r"faces.json: not there.*python -m bench.pack_faces"):
        read_faces(tmp_path)


def test_a_damaged_image_is_named(packed, tmp_path):
    folder = shutil.copytree(packed, tmp_path / "faces")
    (folder / "val.zip").write_bytes((folder / "test.zip").read_bytes()[:-100])
    with pytest.raises(FacesiftError, match=r"val.zip"):
        read_split(read_faces(folder), "val")


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(gpu.NEEDED, "no_such_module", "no-such-package")
    with pytest.raises(FacesiftError, match="not installed: no-such-package; `pip install torch timm"):
        gpu.check_packages()


def small_site(folder, names=("torch", "timm", "pytorch-lightning")):
    """Link what these packages need, and nothing else, into a folder that Python can import from."""
    todo, found = list(names), {}
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for another system
            continue
        wanted = [each for each in found[name].requires or () if "extra ==" not in each]
        todo += [re.match(r"[\w.-]+", each)[0] for each in wanted]
    folder.mkdir()
    for each in found.values():
        for top in {file.parts[0] for file in each.files if file.parts[0] != ".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(each.locate_file(top))))
    return folder


def test_torch_timm_and_lightning_are_all_it_needs(packed, tmp_path):
    site = small_site(tmp_path / "site")
    python = tmp_path / "python"  # without the environment's other packages
    python.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{site}" exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    out = tmp_path / "out"
    command = ["bash", ROOT / "bench/gpu.sh", out, "--packed", packed, "--seconds", "600"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHON": str(python), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scipy is not installed" in done.stdout
    assert "| convnext4 | test |" in done.stdout
    figure = read(out)["networks"][MEAN]["figures"]["test"]["all"]
    assert figure["recall"] is not None
    assert figure["recall_interval"] is None
