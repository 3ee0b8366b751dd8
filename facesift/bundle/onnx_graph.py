"""The ONNX graph of all members: `pixels` (n, S, S, 3) uint8 in, `logits_<member>` (n, classes) float32 out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facesift.bundle.runtimes import PIXELS, output_of
from facesift.core.errors import FacesiftError

SAMPLE = 2  # images the graph is traced with: with one, the exporter would take the number for fixed
LARGEST = 1_900_000_000  # bytes of weights in one file: Protocol Buffers end at 2 GiB


class Graph(nn.Module):
    """Asks every member about the same pixels."""

    def __init__(self, members: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleDict({f"member_{name}": module for name, module in members.items()})

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(member(pixels) for member in self.members.values())


def export_graph(path: Path, members: Mapping[str, nn.Module], image_size: int, largest: int = LARGEST) -> None:
    """Write the graph of all members; its bytes depend on the members alone.

    What the exporter notes about source files is removed.

    Args:
        path: the file to write.
        members: modules in evaluation mode by name, see `networks.pixel_module`.
        image_size: side S of the images.
        largest: weights of more bytes than this go into `<path>.data` beside it.

    Raises:
        FacesiftError: when the exporter cannot follow a member.
    """
    graph = Graph(members).eval()
    program = _trace(graph, [output_of(name) for name in members], image_size)
    _strip(program.model)
    program.save(path, external_data=_bytes_of(graph) > largest)


def _trace(graph: Graph, outputs: list[str], image_size: int) -> Any:
    pixels = torch.zeros(SAMPLE, image_size, image_size, 3, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of torch's own parts that will be renamed
            exported = torch.export.export(graph, (pixels,), dynamic_shapes=({0: torch.export.Dim("n")},))
            return torch.onnx.export(
                exported, dynamo=True, input_names=[PIXELS], output_names=outputs, optimize=True, verbose=False
            )
    except Exception as error:  # the exporter raises what its many parts raise
        first = str(error).strip().splitlines()
        raise FacesiftError(
            f"members: torch cannot export one of them to ONNX ({type(error).__name__}: {first[0] if first else ''})"
        ) from error


def _strip(model: Any) -> None:
    """Remove the stack traces and module names that the exporter leaves in every node."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass  # noqa: PLC0415  comes with the exporter

    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    for value in model.graph.initializers.values():
        value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()


def _bytes_of(graph: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in graph.state_dict().values())
