"""The runtimes that compute the members' logits: ONNX Runtime on the bundle's graph, or torch on the weights.

Backbones are computed by ONNX Runtime in both: heads see features as the pipeline stored them, float16.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facesift.bundle.card import GRAPH, MEND, Card
from facesift.bundle.inputs import MemberInputs
from facesift.core.errors import FacesiftError
from facesift.networks.backbones import OpenBackbone, onnx_tower

PIXELS = "pixels"  # name of the graph's input for members that see pixels: uint8 (n, S, S, 3)
VIEWS = "views"  # name of the input of an exported backbone: float32 (v, 3, side, side), normalised
FEATURE_TYPE, PIXEL_TYPE = "tensor(float16)", "tensor(uint8)"
WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
SPINNING = "session.intra_op.allow_spinning"


class Runtime(Protocol):
    """Scores images with members by name."""

    def logits(self, inputs: MemberInputs, members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Score n images with the members named: float32 (n, classes) each."""


def source_of(backbone: str | None) -> str:
    """Name of the graph's input that a member sees.

    >>> source_of(None), source_of("clip_b16")
    ('pixels', 'features_clip_b16')
    """
    return PIXELS if backbone is None else f"features_{backbone}"


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
        self._path, self._threads = folder / GRAPH, threads
        self._members = {member.name: member.backbone for member in card.members}
        self._backbones = BundleBackbones(folder, card, threads)
        self._whole: Any = open_session(self._path, self._path, threads)
        self._parts: dict[str, Any] = {}
        _check_graph(self._path, self._whole, card)

    def logits(self, inputs: MemberInputs, members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        if self._whole is not None and list(members) == list(self._members):
            feed = {source_of(backbone): self._backbones.seen(inputs, backbone) for backbone in self._asked(members)}
            return dict(zip(members, self._whole.run([output_of(member) for member in members], feed), strict=True))
        if self._whole is not None:
            self._cut()
        return {member: self._ask(inputs, member) for member in members}

    def _asked(self, members: Sequence[str]) -> list[str | None]:
        """Whose features the members see, each once; None: pixels."""
        return list(dict.fromkeys(self._members[member] for member in members))

    def _ask(self, inputs: MemberInputs, member: str) -> NDArray[np.float32]:
        backbone = self._members[member]
        feed = {source_of(backbone): self._backbones.seen(inputs, backbone)}
        logits: NDArray[np.float32] = self._parts[member].run(None, feed)[0]
        return logits

    def _cut(self) -> None:
        """Open each member's part of the graph in place of the whole."""
        self._whole = None
        ends = [(source_of(backbone), output_of(member)) for member, backbone in self._members.items()]
        for member, part in zip(self._members, cut_graph(self._path, ends), strict=True):
            self._parts[member] = open_session(self._path, part, self._threads)


class BundleBackbones:
    """The backbones of a bundle. Each is opened when it is first asked.

    Args:
        folder: the bundle.
        card: its card.
        threads: for computing; None: one a core.
    """

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        self._folder, self._card, self._threads = folder, card, threads
        self._open: dict[str, OpenBackbone] = {}

    def seen(self, inputs: MemberInputs, backbone: str | None) -> NDArray[Any]:
        """Return what members see: pixels (n, S, S, 3) uint8 without a backbone, else its features (n, width) float16.

        Raises:
            FacesiftError: for a backbone that is not the card's, and when `inputs` lacks its views.
        """
        if backbone is None:
            return inputs.pixels
        return inputs.features(backbone, lambda views: self.opened(backbone).features_of(views))

    def opened(self, backbone: str) -> OpenBackbone:
        """Return a backbone that is ready to compute; `FacesiftError` when it is not the one of the card."""
        if backbone not in self._open:
            card = self._card.backbones[backbone]
            path = self._folder / card.file
            side, network = onnx_tower(open_session(path, path, self._threads), str(path))
            opened = OpenBackbone(card.spec, side, network)
            if side != card.side or opened.blocks() != card.blocks:
                raise FacesiftError(f"{path}: its input or its outputs are not those of the card; {MEND}")
            self._open[backbone] = opened
        return self._open[backbone]


class TorchRuntime:
    """The members' networks as they were trained, rebuilt from their weights."""

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        try:
            import torch  # noqa: PLC0415  screening does without

            from facesift.networks.weights import load_scorer  # noqa: PLC0415
        except ImportError as error:
            raise FacesiftError(
                f"runtime torch needs {error.name}: `pip install -e '.[train]'`, or use onnx"
            ) from error
        self._torch, self._threads = torch, threads
        self._members = {member.name: member.backbone for member in card.members}
        self._backbones = BundleBackbones(folder, card, threads)
        self._scorers = {member.name: load_scorer(folder / member.file) for member in card.members}

    def logits(self, inputs: MemberInputs, members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        seen = {member: self._backbones.seen(inputs, self._members[member]) for member in members}
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads or before)
        try:
            return {member: self._scorers[member](each) for member, each in seen.items()}
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
        raise FacesiftError("onnxruntime is not installed: `pip install -e '.[screen]'`") from error
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


def cut_graph(path: Path, ends: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """Cut the graphs that compute one member each out of that of all members.

    ONNX Runtime computes all of a graph whichever outputs are fetched; `only_execute_path_to_fetches` does nothing in
    the builds for inference (https://github.com/microsoft/onnxruntime/issues/16013). So the graph is cut before it is
    opened.

    Args:
        path: the ONNX file; weights in a file beside it stay there.
        ends: names of each part's input and output.

    Yields:
        For each output, the part of the graph that leads to it from its input, as the bytes of an ONNX file.

    Raises:
        FacesiftError: without the package onnx.
    """
    try:
        import onnx.utils  # noqa: PLC0415  only a cascade cuts
    except ImportError as error:
        raise FacesiftError("asking members one by one needs onnx: `pip install -e '.[screen]'`") from error
    extractor = onnx.utils.Extractor(onnx.load(path, load_external_data=False))
    for source, output in ends:
        yield extractor.extract_model([source], [output]).SerializeToString()


def _check_graph(path: Path, session: Any, card: Card) -> None:
    size, given = card.image.image_size, {each.name: each for each in session.get_inputs()}
    wanted = {source_of(member.backbone): _shape_of(card, member.backbone) for member in card.members}
    there = {name: (each.type, each.shape[1:]) for name, each in given.items()}
    if there != wanted:
        takes = ", ".join(f"{name} {each.type} {each.shape}" for name, each in given.items())
        names = [
            f"pixels (n, {size}, {size}, 3)" if name == PIXELS else f"{name} (n, {shape[0]})"
            for name, (_, shape) in wanted.items()
        ]
        raise FacesiftError(f"{path}: takes {takes}, not {', '.join(names)}; {MEND}")
    found = {output.name: output.shape[-1] for output in session.get_outputs()}
    outputs = {output_of(member): len(card.classes) for member in card.member_names}
    if found != outputs:
        raise FacesiftError(f"{path}: gives {found}, but the members and classes of the card are {outputs}; {MEND}")


def _shape_of(card: Card, backbone: str | None) -> tuple[str, list[int]]:
    """Type and shape of a row of what members see."""
    if backbone is None:
        return PIXEL_TYPE, [card.image.image_size, card.image.image_size, 3]
    return FEATURE_TYPE, [card.backbones[backbone].width]
