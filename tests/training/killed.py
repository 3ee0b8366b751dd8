"""A training that kills itself in its third epoch: `python -m tests.training.killed ROOM WAY`."""

import os
import signal
import sys
from pathlib import Path

import torch

from facesift.training import callbacks
from tests.training.test_fit import RECIPE, WAYS, fit


def kill_in_third_epoch(_, trainer, module):
    del module
    if trainer.current_epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    callbacks.History.on_train_epoch_start = kill_in_third_epoch
    fit(Path(sys.argv[1]), recipe=RECIPE.model_copy(update=WAYS[sys.argv[2]]))
