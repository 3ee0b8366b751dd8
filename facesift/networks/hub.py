"""Published weights from a model hub: from its cache, or downloaded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from torch import Tensor, nn

from facesift.core.errors import FacesiftError
from facesift.networks.architectures import TIMM, timm_arguments

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Architecture

TIMEOUT = 5.0  # seconds that a hub has to answer
USE_A_FILE = "give a file of weights (architecture.checkpoint: PATH)"
REACH = "make the hub reachable, or its cache available (timm: HF_HOME, torchvision: TORCH_HOME)"


def published_weights(architecture: Architecture, image_size: int | None) -> dict[str, Tensor]:
    """Load the published weights of an architecture, with the head for the classes they were trained on.

    Args:
        architecture: the network.
        image_size: side of the images in pixels, for networks of one size.

    Returns:
        Tensors by name.

    Raises:
        FacesiftError: when nobody published weights, or they cannot be had; the message names what to do instead.
    """
    name = architecture.name
    with _reaching_the_hub(f"architecture {name}", USE_A_FILE):
        if name.startswith(TIMM):
            return _timm(architecture, image_size).state_dict()
        if name == "torchvision:alexnet":
            from torchvision.models import AlexNet_Weights  # noqa: PLC0415

            hub = AlexNet_Weights.DEFAULT
            return dict(hub.get_state_dict(progress=False, check_hash=True, weights_only=True))
    raise _none_published(name)


def pretrained_model(name: str) -> nn.Module:
    """Build a model of timm without its classifier, with the hub's weights.

    Raises:
        FacesiftError: when they cannot be had.
    """
    import timm  # noqa: PLC0415

    with _reaching_the_hub(f"backbone {TIMM}{name}", "give a file (`checkpoint`)"):
        model: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
    return model


@contextmanager
def _reaching_the_hub(what: str, otherwise: str) -> Iterator[None]:
    """Load within a short time-out; `FacesiftError` names the network and what to do otherwise."""
    try:
        with _short_timeout():
            yield
    except FacesiftError:
        raise
    except Exception as error:  # each library and outage raises another exception
        reason = str(error).strip().partition("\n")[0]
        raise FacesiftError(
            f"{what}: `pretrained: true`, but its weights cannot be had "
            f"({type(error).__name__}: {reason}); {REACH}, or {otherwise}"
        ) from error


def _timm(architecture: Architecture, image_size: int | None) -> nn.Module:
    import timm  # noqa: PLC0415
    from timm.models import get_pretrained_cfg  # noqa: PLC0415

    name = architecture.name.removeprefix(TIMM)
    published = get_pretrained_cfg(name)
    if published is None or not published.has_weights:
        raise _none_published(architecture.name)
    arguments = timm_arguments(name, architecture.arguments, image_size)
    network: nn.Module = timm.create_model(name, pretrained=True, **arguments)
    return network


def _none_published(name: str) -> FacesiftError:
    return FacesiftError(
        f"architecture {name}: `pretrained: true`, but nobody published weights for it; "
        f"{USE_A_FILE}, or start from random ones (architecture.pretrained: false)"
    )


@contextmanager
def _short_timeout() -> Iterator[None]:
    """Let downloads fail within seconds; by default the hub's library tries for most of a minute."""
    from huggingface_hub import constants  # noqa: PLC0415

    timeout, offline = socket.getdefaulttimeout(), constants.HF_HUB_OFFLINE
    socket.setdefaulttimeout(TIMEOUT)
    constants.HF_HUB_OFFLINE = offline or not _answers(constants.ENDPOINT)  # offline, the cache is still read
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        constants.HF_HUB_OFFLINE = offline


def _answers(address: str) -> bool:
    """Whether a server answers at all, through the proxies that the environment names."""
    try:
        with urlopen(Request(address, method="HEAD"), timeout=TIMEOUT):  # noqa: S310  the hub's own address
            return True
    except HTTPError:
        return True
    except (OSError, ValueError):
        return False
