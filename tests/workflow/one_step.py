"""Trains an embedded member for a few steps and prints its digits: `python -m tests.workflow.one_step [pinned]`."""

import hashlib
import os
import sys

from workflow.demo import pin_arithmetic

if "pinned" in sys.argv:  # before any library that computes is there
    pin_arithmetic(os.environ)

import numpy as np
import torch

from facesift.networks.initialisation import initialise_network
from facesift.networks.scoring import network_scorer
from facesift.training.losses import make_loss
from facesift.training.optimizer import make_optimizer
from tests.made import default_params, made_images

STEPS, BATCH = 3, 16


def main() -> None:
    """Write the hash of a member's weights, its loss, and its probabilities for images that it did not learn from."""
    torch.set_num_threads(1)
    recipe = default_params().members["convnext1"]
    network = initialise_network(recipe.architecture, 2, recipe.seed, 64)
    loss, optimizer = make_loss(recipe.loss), make_optimizer(network, recipe.optimizer)
    pixels, labels = made_images(BATCH * (STEPS + 1), BATCH * 2, seed=0, visible=True, size=64)
    learned = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        value = loss(network(learned[rows]), torch.from_numpy(labels[rows])).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    logits = network_scorer(network.eval(), torch.device("cpu"))(pixels[-BATCH:])
    shares = 1 / (1 + np.exp(logits[:, 0].astype(np.float64) - logits[:, 1]))
    weights = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
    digits = [hashlib.sha256(weights).hexdigest(), value.item(), *shares.tolist()]
    sys.stdout.write(" ".join(map(str, digits)))


if __name__ == "__main__":
    main()
