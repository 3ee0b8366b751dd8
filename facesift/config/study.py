"""The studies of conf/: list them, or check one and write its parameters to params.yaml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten

import yaml

from facesift.config.compose import CONF, compose, studies
from facesift.config.data import Source
from facesift.config.params import Params, parse_params
from facesift.config.rendering import render
from facesift.config.yaml_file import read_yaml
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file

PARAMS, RAW = Path("params.yaml"), Path("data/raw")
LAYOUTS = {
    "rff": "the folders training_real/ and training_fake/",
    "one_class": "the folder {folder}/, all of whose images are {label}",
    "class_folders": "a folder for each class ({classes}), also below train/, test/ or val/",
    "csv": "{images} and the file {csv} with their labels",
    "webdataset": "tars or folders with a .cls or .json file beside each image",
    "parquet": "Parquet files with a column of images and one of labels",
    "reviewed": "the folder {folder}/ with the images; their labels are the answers in data/reviews/",
}


def list_studies() -> list[str]:
    """Return a line for each study: its name, whether its data are there, and what it is or what is wrong with it."""
    lines = [(name, *_state(name)) for name in studies()]
    width = max(len(name) for name, *_ in lines)
    return [f"{name:<{width}}  {state:<21}  {shorten(what, 100, placeholder=' ...')}" for name, state, what in lines]


def _state(name: str) -> tuple[str, str]:
    try:
        params = parse_params(compose(name), f"study {name}")
    except FacesiftError as error:
        return "wrong", str(error)
    drawn = params.data.raw in params.drawn
    return "drawn by the pipeline" if drawn else "data missing" if missing_data(params) else "data there", describe(
        name
    )


def describe(name: str, conf: Path = CONF) -> str:
    """Return the first sentence of the comment at the head of conf/study/<name>.yaml."""
    head = []
    for line in (conf / "study" / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").strip())
    text = " ".join(line for line in head if not line.startswith("@"))
    return text.partition(". ")[0].removesuffix(".")


def write_study(name: str, settings: Sequence[str], check: Callable[[Params], None] | None = None) -> Params:
    """Compose a study, check it and its data, and write params.yaml; an error leaves the file as it was.

    Args:
        name: a study of conf/study/.
        settings: `KEY=VALUE`, as `dvc exp run -S` takes them.
        check: a further check, once the data are there; it raises `FacesiftError`.

    Raises:
        FacesiftError: an unknown name or key, a value out of range, or data that are not there.
    """
    if chosen := [setting for setting in settings if setting.lstrip("+~").startswith("study=")]:
        raise FacesiftError(f"{chosen[0]}: the study is {name} already; give one name")
    tree = compose(name, settings)
    params = parse_params(tree, f"study {name}")
    if missing := missing_data(params):
        raise FacesiftError("\n".join([*missing, f"{PARAMS} is as it was."]))
    if check is not None:
        check(params)
    text = render(tree)
    if parse_params(yaml.safe_load(text), f"study {name}, written") != params:
        raise FacesiftError(f"study {name}: a value cannot be written so that it is read again; nothing is written")
    with whole_file(PARAMS) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return params


def missing_data(params: Params, raw: Path = RAW) -> list[str]:
    """Say what to put where for each raw folder of the study that is missing or empty, unless the pipeline draws it."""
    wanted = [(params.data.raw, params.data.sources)]
    wanted += [(test.raw, test.sources) for test in params.cross_test.values()]
    lines: list[str] = []
    for name, sources in wanted:
        if name not in params.drawn and not _holds_files(raw / name):
            lines += [f"{raw / name}: {'empty' if (raw / name).is_dir() else 'not there'}. Put into it, zipped or not:"]
            lines += [f"  {_expected(source, sources[source], params.classes)}" for source in sources]
    return [*lines, "docs/data.md says where each data set comes from, and its terms."] if lines else []


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def _expected(name: str, source: Source, classes: Sequence[str]) -> str:
    known = read_yaml(CONF / "downloads.yaml")
    origin = f" ({known[name]})" if name in known else ""
    within = "" if source.within == "*" else f", in a zip or folder named {source.within}"
    return f"{name}{origin}: {layout_in_words(source, classes)}{within}"


def layout_in_words(source: Source, classes: Sequence[str]) -> str:
    """Say which files and folders a source has, and what tells their labels."""
    images = f"the folder {source.folder}/ with the images" if source.folder else "images"
    return LAYOUTS[source.layout].format(
        images=images, folder=source.folder, label=source.label, csv=source.csv, classes=", ".join(classes)
    )
