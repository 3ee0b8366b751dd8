"""The runtimes that compute the members' logits: ONNX Runtime on the bundle's graph, or torch on the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card import GRAPH, MEND, Card
from facesift.core.errors import FacesiftError

PIXELS = "pixels"  # name of the graph's input: uint8 (n, S, S, 3)
WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
SPINNING = "session.intra_op.allow_spinning"


class Runtime(Protocol):
    """Scores images with members by name."""

    def logits(self, pixels: NDArray[np.uint8], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Score pixels (n, S, S, 3) with the members named: float32 (n, classes) each."""


def output_of(member: str) -> str:
    """Name of a member's output in the graph.

    >>> output_of("convnext1")
    'logits_convnext1'
    """
    return f"logits_{member}"


class OnnxRuntime:
    """ONNX Runtime on `committee.onnx`.

    It has one session over all members; from the first time that only some are asked, one session a member instead. So
    weights are in memory once.

    Args:
        folder: the bundle.
        card: its card.
        threads: for computing; None: one a core.

    Raises:
        FacesiftError: without onnxruntime, and for a graph that is not the card's.
    """

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        self._path, self._threads, self._members = folder / GRAPH, threads, card.member_names
        self._whole: Any = open_session(self._path, self._path, threads)
        self._parts: dict[str, Any] = {}
        _check_graph(self._path, self._whole, card)

    def logits(self, pixels: NDArray[np.uint8], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        if self._whole is not None and list(members) == self._members:
            names = [output_of(member) for member in members]
            return dict(zip(members, self._whole.run(names, {PIXELS: pixels}), strict=True))
        if self._whole is not None:
            self._cut()
        return {member: self._parts[member].run(None, {PIXELS: pixels})[0] for member in members}

    def _cut(self) -> None:
        """Open each member's part of the graph in place of the whole."""
        self._whole = None
        parts = cut_graph(self._path, PIXELS, map(output_of, self._members))
        for member, part in zip(self._members, parts, strict=True):
            self._parts[member] = open_session(self._path, part, self._threads)


class TorchRuntime:
    """The members' networks as they were trained, rebuilt from their weights."""

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        try:
            import torch  # noqa: PLC0415  screening does without

            from facesift.networks.weights import load_scorer  # noqa: PLC0415
        except ImportError as error:
            raise FacesiftError(
                f"runtime torch needs {error.name}: `pip install facesift[train]`, or use onnx"
            ) from error
        self._torch, self._threads = torch, threads
        self._scorers = {member.name: load_scorer(folder / member.file) for member in card.members}

    def logits(self, pixels: NDArray[np.uint8], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads or before)
        try:
            return {member: self._scorers[member](pixels) for member in members}
        finally:  # the number is the whole process's, and decides the last digits of whatever else it computes
            self._torch.set_num_threads(before)


RUNTIMES: dict[str, type[OnnxRuntime | TorchRuntime]] = {"onnx": OnnxRuntime, "torch": TorchRuntime}


def open_runtime(name: str, folder: Path, card: Card, threads: int | None) -> Runtime:
    """Open the runtime `name` on a bundle; `FacesiftError` for a name that is none."""
    if name not in RUNTIMES:
        raise FacesiftError(f"runtime {name!r} is none; there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name](folder, card, threads)


def open_session(path: Path, graph: Path | bytes, threads: int | None) -> Any:
    """Open an ONNX file, or a part of one.

    Args:
        path: the file.
        graph: the same path, or a part of the file in bytes.
        threads: for computing; None: one a core.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        FacesiftError: without onnxruntime, and for a file that it cannot open.
    """
    try:
        import onnxruntime  # noqa: PLC0415  the pipeline does without
    except ImportError as error:
        raise FacesiftError("onnxruntime is not installed: `pip install facesift[screen]`") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry(SPINNING, "0")  # waiting threads leave the cores to decoding and to other parts
    options.log_severity_level = 3  # errors alone: it warns of missing GPUs
    if isinstance(graph, bytes):
        options.add_session_config_entry(WEIGHTS_FOLDER, str(path.parent))
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a dozen classes of its own, without a common one
        raise FacesiftError(f"{path}: onnxruntime cannot open it ({error}); {MEND}") from error


def cut_graph(path: Path, source: str, outputs: Iterable[str]) -> Iterator[bytes]:
    """Cut the graph that computes one member out of that of all members.

    ONNX Runtime computes all of a graph whichever outputs are fetched; `only_execute_path_to_fetches` does nothing in
    the builds for inference (https://github.com/microsoft/onnxruntime/issues/16013). So the graph is cut before it is
    opened.

    Args:
        path: the ONNX file; weights in a file beside it stay there.
        source: name of its input.
        outputs: names of its outputs.

    Yields:
        For each output, the part of the graph that leads to it from the input, as the bytes of an ONNX file.

    Raises:
        FacesiftError: without the package onnx.
    """
    try:
        import onnx.utils  # noqa: PLC0415  only a cascade cuts
    except ImportError as error:
        raise FacesiftError("asking members one by one needs onnx: `pip install facesift[screen]`") from error
    extractor = onnx.utils.Extractor(onnx.load(path, load_external_data=False))
    for output in outputs:
        yield extractor.extract_model([source], [output]).SerializeToString()


def _check_graph(path: Path, session: Any, card: Card) -> None:
    size = card.image.image_size
    (images,) = session.get_inputs()
    if (images.name, images.type, images.shape[1:]) != (PIXELS, "tensor(uint8)", [size, size, 3]):
        raise FacesiftError(
            f"{path}: takes {images.name} {images.type} {images.shape}, not pixels (n, {size}, {size}, 3); {MEND}"
        )
    found = {output.name: output.shape[-1] for output in session.get_outputs()}
    wanted = {output_of(member): len(card.classes) for member in card.member_names}
    if found != wanted:
        raise FacesiftError(f"{path}: gives {found}, but the members and classes of the card are {wanted}; {MEND}")
