"""What a study runs on: processes and clusters for the data stages, devices for training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facesift.config.section import Count, Section
from facesift.core.parallel import Workers


class Parallel(Section):
    """Where the data stages run."""

    backend: Literal["processes", "ray", "dask"] = Field(
        description="processes of this machine, or of a cluster of Ray's or Dask's"
    )
    jobs: Literal[-1] | Count = Field(description="processes at most; -1: one for each core")
    address: str | None = Field(description="HOST:PORT of a running cluster; null: one is started on this machine")

    @property
    def workers(self) -> Workers:
        """The same as the library's `parallel_map` takes it."""
        return Workers(self.backend, self.jobs, self.address)


class Trainer(Section):
    """What the training runs on: one process for each device."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field(description="kind of device")
    devices: Count = Field(description="devices of each machine; a batch is divided among all of them")
    num_nodes: Count = Field(description="machines")
    strategy: Literal["auto", "ddp"] = Field(
        description="ddp: DistributedDataParallel; auto: takes it for more than one device"
    )
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field(
        description="of the arithmetic; on most CPUs mixed is far slower"
    )
    window_shards: Count = Field(description="training shards that are shuffled together in memory")

    @property
    def ranks(self) -> int:
        """Processes that train together."""
        return self.devices * self.num_nodes
