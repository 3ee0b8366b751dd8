"""The ONNX graphs of a bundle: that of all members, and those of backbones by timm.

The members' graph takes `pixels` (n, S, S, 3) uint8, and for heads `features_<backbone>` (n, width) float16; it gives
`logits_<member>` (n, classes) float32.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facesift.bundle.runtimes import VIEWS, output_of, source_of
from facesift.core.errors import FacesiftError

SAMPLE = 2  # images the graph is traced with: with one, the exporter would take the number for fixed
LARGEST = 1_900_000_000  # bytes of weights in one file: Protocol Buffers end at 2 GiB


@dataclass(frozen=True)
class FeatureInput:
    """What a head sees.

    Attributes:
        backbone: name of the backbone.
        width: numbers of its features.
    """

    backbone: str
    width: int


class Graph(nn.Module):
    """Asks every member about the same images.

    Args:
        members: by name.
        inputs: for each member, which of the graph's inputs it sees.
    """

    def __init__(self, members: Mapping[str, nn.Module], inputs: Sequence[int]) -> None:
        super().__init__()
        self.members = nn.ModuleDict({f"member_{name}": module for name, module in members.items()})
        self.inputs = list(inputs)

    def forward(self, *sources: Tensor) -> tuple[Tensor, ...]:
        return tuple(member(sources[number]) for member, number in zip(self.members.values(), self.inputs, strict=True))


def export_graph(
    path: Path,
    members: Mapping[str, nn.Module],
    image_size: int,
    features: Mapping[str, FeatureInput] | None = None,
    largest: int = LARGEST,
) -> None:
    """Write the graph of all members; its bytes depend on the members alone.

    What the exporter notes about source files is removed.

    Args:
        path: the file to write.
        members: modules in evaluation mode by name, see `networks.pixel_module` and `networks.feature_head`.
        image_size: side S of the images.
        features: the input of heads, by member; the others see pixels.
        largest: weights of more bytes than this go into `<path>.data` beside it.

    Raises:
        FacesiftError: when the exporter cannot follow a member.
    """
    seen = [(features or {}).get(name) for name in members]
    sources = [source_of(each.backbone if each else None) for each in seen]
    samples = {source: _sample(each, image_size) for source, each in zip(sources, seen, strict=True)}
    graph = Graph(members, [list(samples).index(source) for source in sources]).eval()
    outputs = [output_of(name) for name in members]
    _write(path, graph, _trace(graph, samples, outputs, "members: torch cannot export one of them"), largest)


def _sample(features: FeatureInput | None, image_size: int) -> Tensor:
    if features is None:
        return torch.zeros(SAMPLE, image_size, image_size, 3, dtype=torch.uint8)
    return torch.zeros(SAMPLE, features.width, dtype=torch.float16)


def export_tower(path: Path, tower: nn.Module, side: int, pools: Sequence[str], largest: int = LARGEST) -> None:
    """Write the graph of a backbone: `views` (v, 3, side, side) float32, normalised, to outputs (v, width) by name.

    Args:
        path: the file to write.
        tower: maps views to outputs by name, in evaluation mode; see `networks.timm_backbones.TimmTower`.
        side: of its input in pixels.
        pools: names of the outputs that are wanted.
        largest: see `export_graph`.

    Raises:
        FacesiftError: when the exporter cannot follow it.
    """
    sample = {VIEWS: torch.zeros(SAMPLE, 3, side, side)}
    chosen = _Chosen(tower, pools).eval()
    _write(path, chosen, _trace(chosen, sample, pools, f"backbone {path.stem}: torch cannot export it"), largest)


class _Chosen(nn.Module):
    """Some of a tower's outputs, in an order."""

    def __init__(self, tower: nn.Module, pools: Sequence[str]) -> None:
        super().__init__()
        self.tower, self.pools = tower, list(pools)

    def forward(self, *sources: Tensor) -> tuple[Tensor, ...]:
        outputs = self.tower(*sources)
        return tuple(outputs[pool] for pool in self.pools)


def _write(path: Path, graph: nn.Module, program: Any, largest: int) -> None:
    _strip(program.model)
    program.save(path, external_data=sum(tensor.nbytes for tensor in graph.state_dict().values()) > largest)


def _trace(graph: nn.Module, samples: Mapping[str, Tensor], outputs: Sequence[str], failure: str) -> Any:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of torch's own parts that will be renamed
            # a number of rows for each input: with one for all, a member would take it from another member's input
            shapes = (tuple({0: torch.export.Dim(f"rows_{name}")} for name in samples),)
            exported = torch.export.export(graph, tuple(samples.values()), dynamic_shapes=shapes)
            return torch.onnx.export(
                exported, dynamo=True, input_names=list(samples), output_names=list(outputs), optimize=True,
                verbose=False,
            )  # fmt: skip
    except Exception as error:  # the exporter raises what its many parts raise
        first = str(error).strip().splitlines()
        raise FacesiftError(f"{failure} to ONNX ({type(error).__name__}: {first[0] if first else ''})") from error


def _strip(model: Any) -> None:
    """Remove the stack traces and module names that the exporter leaves in every node."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass  # noqa: PLC0415  comes with the exporter

    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    for value in model.graph.initializers.values():
        value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
