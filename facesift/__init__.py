"""facesift: find the few photoshopped faces among very many real ones.

What most programs need is here by one name; everything else is in the sub-packages.

    load_committee(folder)    load a trained committee from its bundle
    Committee                 what it returns: `screen` files, `decide` on pixels, read `logits`
    decide(predictions, rule) decide by a voting rule or thresholds, as pipeline and screening do
    find_files(paths)         list the images in files, folders and zip files
    scan_decisions(path, ...) read a table of decisions that `facesift screen` wrote
    compare_file(bundle, ...) say whether a stream of images has drifted
    ShardFolder(folder)       open HDF5 shards of images
    load_params(path)         read and check params.yaml
    Params                    what it returns: every parameter of a study
    Classes                   the class names of a study, and which one is looked for
    FacesiftError             a mistake in parameters, files or data that the user can put right

Decide all images of a folder, a table a batch (needs the extra `screen`: onnxruntime, no torch):

    import facesift

    committee = facesift.load_committee("models/committee")
    for table in committee.screen(["applications/"]):
        print(table.select("image", "decision", "probability"))

Names are imported when they are first used, so that `import facesift` takes no time. The library knows nothing of
DVC; `stages/` connects it to the pipeline in `dvc.yaml`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesift.committee.decision import decide
    from facesift.config.params import Params, load_params
    from facesift.core.classes import Classes
    from facesift.core.errors import FacesiftError
    from facesift.images.paths import find_files
    from facesift.screening.committee import Committee
    from facesift.screening.decisions_file import scan_decisions
    from facesift.screening.drift import compare_file
    from facesift.shards.reading import ShardFolder

    load_committee = Committee.load

_HOMES = {
    "Classes": "facesift.core.classes",
    "Committee": "facesift.screening.committee",
    "FacesiftError": "facesift.core.errors",
    "Params": "facesift.config.params",
    "ShardFolder": "facesift.shards.reading",
    "decide": "facesift.committee.decision",
    "compare_file": "facesift.screening.drift",
    "find_files": "facesift.images.paths",
    "load_params": "facesift.config.params",
    "scan_decisions": "facesift.screening.decisions_file",
}

__all__ = [
    "Classes",
    "Committee",
    "FacesiftError",
    "Params",
    "ShardFolder",
    "__version__",
    "compare_file",
    "decide",
    "find_files",
    "load_committee",
    "load_params",
    "scan_decisions",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "load_committee":
        return import_module(_HOMES["Committee"]).Committee.load
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
