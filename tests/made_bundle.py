"""A committee's bundle of untrained networks, made in seconds and without the pipeline."""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from facesift.bundle.card import CARD, REFERENCE
from facesift.bundle.card_content import Sources
from facesift.bundle.drift_reference import SCHEMA
from facesift.bundle.exporting import fill_bundle
from facesift.committee.rules import RULES
from facesift.committee.stacking import Stacker, save_stacker
from facesift.config.params import Params
from facesift.core.counts import Confusion, DecisionCounts
from facesift.core.files import read_json, write_json, write_parquet
from facesift.core.fingerprint import sha256
from facesift.core.scores import LabelledLogits, read_held_out
from facesift.evaluation.prevalence import project_all
from facesift.networks.architectures import build_network
from facesift.networks.scoring import score_splits
from facesift.networks.support_vectors import SVM, fit_svm
from facesift.networks.weights import load_scorer, save_tensors
from facesift.networks.weights_header import views_entry
from facesift.shards.reading import ShardFolder
from tests.made import ROOT, SIZE, made_images, make_shards
from tests.made_config import Architecture, parse_params

MEMBERS = {
    "one": {"architecture": {"name": "lenet"}, "normalise": {"name": "per_image"}},
    "two": {
        "architecture": {"name": "deepfakenet"},
        "normalise": {"name": "fixed", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
    },
}
NOT_OFFERED = {"target_recall": "on validation it sends 99.7 % of the images to a person"}
POINTS = {"cost": {"lo": -1.0, "hi": 0.5}, "max_review": {"lo": -0.2, "hi": 0.2}}


@dataclass(frozen=True)
class Study:
    """What the pipeline would have left behind."""

    params: Params
    sources: Sources
    stored: dict[str, LabelledLogits]

    def export(self, folder: Path, params: Params | None = None, stored: LabelledLogits | None = None):
        """Write a bundle into the new `folder`; `stored`: other logits of the test images."""
        folder.mkdir(parents=True)
        chosen = self.stored if stored is None else self.stored | {"test": stored}
        return fill_bundle(folder, params or self.params, self.sources, chosen, {"schema": SCHEMA})

    def changed(self, **export) -> Params:
        """The parameters with other values in the section export."""
        return self.params.model_copy(update={"export": self.params.export.model_copy(update=export)})


def make_study(room: Path, members=None, classes=("real", "fake")) -> Study:
    params = make_params(members or MEMBERS, classes)
    sources = made_sources(room)
    for number, split in enumerate(("train", "val", "test")):
        make_shards(sources.shards / split, 30, 10, seed=10 * number, classes=tuple(classes))
    for name in params.voting:
        weights = sources.models / f"{name}.safetensors"
        save_tensors(weights, tensors_of(params, name), header_of(params, name))
        held = {split: ShardFolder(sources.shards / split) for split in ("val", "test")}
        scores = score_splits(load_scorer(weights), held, 16, params.classes)
        write_parquet(sources.scores / f"{name}.parquet", scores, {"weights_sha256": sha256(weights)})
    write_parquet(sources.split, truth_of(sources))
    write_stacker_and_figures(params, sources)
    return Study(params, sources, read_held_out(room, params.voting, params.class_names, stacker=False))


def made_sources(room: Path) -> Sources:
    """Where such a study has its files."""
    return Sources(
        models=room / "models",
        scores=room / "scores",
        metrics=room / "metrics",
        figures=room / "figures",
        shards=room / "shards",
        split=room / "split.parquet",
        features=room / "features",
        raw=room / "raw",
        manifest=room / "manifest.parquet",
    )


def truth_of(sources: Sources) -> pl.DataFrame:
    parts = []
    for split in ("val", "test"):
        shards = ShardFolder(sources.shards / split)
        ids = [each for shard in range(len(shards.sizes)) for each in shards.image_ids(shard)]
        labels = np.concatenate([shards.labels(shard) for shard in range(len(shards.sizes))])
        names = [shards.classes[number] for number in labels]
        parts.append(pl.DataFrame({"image_id": ids, "split": split, "source": "made", "label": names}))
    return pl.concat(parts).with_row_index("group")


def change_card(bundle: Path, edit) -> None:
    """Edit the card as a tree, and seal it again: a card that was made wrong, not one that was damaged."""
    card = read_json(bundle / CARD, sealed=True)
    edit(card)
    write_json(bundle / CARD, card, exact=True, sealed=True)


def give_reference(bundle: Path, reference) -> None:
    """Give a bundle another drift reference, and list it in the card."""
    path = bundle / REFERENCE
    write_json(path, reference)
    listed = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    change_card(bundle, lambda card: card["files"].update({REFERENCE: listed}))


def make_params(members, classes) -> Params:
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    recipe = tree["members"]["plain"] | {"votes": True}
    tree["members"] = {name: copy.deepcopy(recipe) | each for name, each in members.items()}
    tree["data"] |= {"image_size": SIZE, "sources": {"made": {"layout": "class_folders"}}}
    tree |= {"study": "made", "classes": list(classes), "positive": classes[-1]}
    return parse_params(tree)


def tensors_of(params: Params, name: str):
    architecture = params.members[name].architecture
    if architecture.name == SVM:
        pixels, labels = made_images(60, 15, 5, visible=True, classes=len(params.classes))
        return fit_svm(pixels, labels, len(params.classes), architecture.arguments).to_tensors()
    network = build_network(Architecture(name=architecture.name), len(params.classes), 3, SIZE)
    return {key: tensor.contiguous().numpy() for key, tensor in network.state_dict().items()}


def header_of(params: Params, name: str):
    member = params.members[name]
    preprocessing = {"image_size": SIZE, "resize": "squish", "normalise": member.normalise.model_dump()}
    preprocessing |= views_entry(member.views)
    return {
        "architecture": member.architecture.model_dump(),
        "classes": params.classes,
        "preprocessing": preprocessing,
    }


def write_stacker_and_figures(params: Params, sources: Sources) -> None:
    rng, classes = np.random.default_rng(0), len(params.classes)
    stacker = Stacker(rng.normal(size=(classes, classes * len(params.voting))), rng.normal(size=classes))
    save_stacker(sources.models / "stacker.safetensors", stacker, params.voting, tuple(params.classes))
    fitted = {"method": "platt", "temperature": 0.7, "bias": -0.3, "prevalence": 1 / 3}
    calibration = fitted | {"points": POINTS, "not_offered": NOT_OFFERED}
    write_json(sources.models / "calibration.json", calibration, sealed=True)
    counts = DecisionCounts(Confusion(tp=4, fp=2, fn=3, tn=20), review_fake=3, review_real=8)
    write_json(sources.metrics / "vote.json", {"test": {rule: counts.report() for rule in RULES}, "val": {}})
    figures = {name: {"test": counts.report(), "val": {}} for name in POINTS}
    projected = project_all(dict.fromkeys(RULES, counts), params.projections)
    write_json(sources.metrics / "operating.json", {"points": figures, "prevalence": projected})
    ingested = {"images": {"made": dict.fromkeys(params.classes, 40)}, "quarantined": 2, "exact_duplicates": 1}
    divided = {"near_duplicates": {"images": 5, "groups": 2, "largest": 3}, "known_groups": {"images": 7, "groups": 3}}
    write_json(sources.figures / "split.json", divided | {"images": {}, "removed_leaks": 4})
    losses = {name: {"files": 41, "lost": 1, "share": 1 / 41, "reasons": {"empty file": 1}} for name in params.classes}
    write_json(sources.figures / "ingest.json", ingested | {"ignored": 0, "losses": losses})
