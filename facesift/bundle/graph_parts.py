"""One member's part of the committee's graph.

ONNX Runtime computes all of a graph whichever outputs are fetched; `only_execute_path_to_fetches` does nothing in the
builds for inference (https://github.com/microsoft/onnxruntime/issues/16013). So the graph is cut before it is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from facesift.core.errors import FacesiftError


def cut_graph(path: Path, source: str, outputs: Iterable[str]) -> Iterator[bytes]:
    """Yield, for each of the `outputs`, the part of the ONNX file `path` that leads to it from the input `source`.

    Weights in a file beside it stay there. Raises `FacesiftError` without the package onnx.
    """
    try:
        import onnx.utils  # noqa: PLC0415  only a cascade cuts
    except ImportError as error:
        raise FacesiftError("asking members one by one needs onnx: `pip install facesift[screen]`") from error
    extractor = onnx.utils.Extractor(onnx.load(path, load_external_data=False))
    for output in outputs:
        yield extractor.extract_model([source], [output]).SerializeToString()
