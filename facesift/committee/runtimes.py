"""What computes the members' logits: ONNX Runtime on the bundle's one graph, or torch on the members' weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facesift.committee.bundle_card import GRAPH, MEND, Card
from facesift.errors import FacesiftError

PIXELS = "pixels"  # name of the graph's input: uint8 (n, S, S, 3)


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
    """One session over `committee.onnx`; only what the named members need is computed.

    `threads`: None takes one a core. Raises `FacesiftError` without onnxruntime and for a graph that is not the card's.
    """

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        path = folder / GRAPH
        self._session = _open_session(path, threads)
        _check_graph(path, self._session, card)

    def logits(self, pixels: NDArray[np.uint8], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        names = [output_of(member) for member in members]
        return dict(zip(members, self._session.run(names, {PIXELS: pixels}), strict=True))


class TorchRuntime:
    """The members' networks as they were trained, rebuilt from their weights."""

    def __init__(self, folder: Path, card: Card, threads: int | None) -> None:
        try:
            import torch  # noqa: PLC0415  screening does without

            from facesift.training.weights import load_scorer  # noqa: PLC0415
        except ImportError as error:
            raise FacesiftError(
                f"runtime torch needs {error.name}: `pip install facesift[train]`, or use onnx"
            ) from error
        if threads is not None:
            torch.set_num_threads(threads)
        self._scorers = {member.name: load_scorer(folder / member.file) for member in card.members}

    def logits(self, pixels: NDArray[np.uint8], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        return {member: self._scorers[member](pixels) for member in members}


RUNTIMES: dict[str, type[OnnxRuntime | TorchRuntime]] = {"onnx": OnnxRuntime, "torch": TorchRuntime}


def open_runtime(name: str, folder: Path, card: Card, threads: int | None) -> Runtime:
    """Open the runtime `name` on a bundle; `FacesiftError` for a name that is none."""
    if name not in RUNTIMES:
        raise FacesiftError(f"runtime {name!r} is none; there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name](folder, card, threads)


def _open_session(path: Path, threads: int | None) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415  the pipeline does without
    except ImportError as error:
        raise FacesiftError("onnxruntime is not installed: `pip install facesift[screen]`") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave decoding the cores
    options.log_severity_level = 3  # errors alone: it warns of missing GPUs
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a dozen classes of its own, without a common one
        raise FacesiftError(f"{path}: onnxruntime cannot open it ({error}); {MEND}") from error


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
