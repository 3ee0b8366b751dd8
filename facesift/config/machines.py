"""What a study runs on: processes and clusters for the data stages, devices for training."""

from __future__ import annotations

from typing import Literal

from facesift.config.section import Count, Section
from facesift.core.parallel import Workers


class Parallel(Section):
    """Where the data stages run: `jobs` processes (-1: one a core) of this machine, of Ray's or of Dask's.

    `address` is a cluster's that is running; None starts one of `jobs` processes on this machine.
    """

    backend: Literal["processes", "ray", "dask"]
    jobs: Literal[-1] | Count
    address: str | None

    @property
    def workers(self) -> Workers:
        """The same as the library's `parallel_map` takes it."""
        return Workers(self.backend, self.jobs, self.address)


class Trainer(Section):
    """What the training runs on: `devices` on each of `num_nodes` machines, one process a device."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"]
    devices: Count
    num_nodes: Count
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]
    window_shards: Count

    @property
    def ranks(self) -> int:
        """Processes that train together."""
        return self.devices * self.num_nodes
