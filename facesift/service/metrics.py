"""The figures of the service for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import polars as pl
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from facesift.screening.drift import Report
from facesift.screening.drift_verdict import RECALIBRATE, STABLE, TOO_FEW, WATCH

UNSCORED = "unscored"
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts what the service does; each service has its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        home = self.registry
        self.latency = Histogram(
            "facesift_request_seconds",
            "From a request's headers to its answer.",
            ["status"],
            buckets=SECONDS,
            registry=home,
        )
        self._decisions = Counter("facesift_decisions", "Images by decision.", ["decision"], registry=home)
        self._batches = Histogram(
            "facesift_batch_images", "Images that were scored at a time.", buckets=IMAGES, registry=home
        )
        self._refusals = Counter(
            "facesift_refusals", "Requests and images that were refused.", ["status", "reason"], registry=home
        )
        self.waiting = Gauge("facesift_waiting_images", "Images that are decoded, wait or are decided.", registry=home)
        self.buffered = Gauge("facesift_buffered_bytes", "Bodies of requests in memory.", registry=home)
        self._swaps = Counter("facesift_bundle_loads", "Attempts to load another bundle.", ["result"], registry=home)
        labels = ["bundle", "study", "rule"]
        self._bundle = Gauge("facesift_bundle_info", "The bundle that decides.", labels, registry=home)

    def count_batch(self, table: pl.DataFrame) -> None:
        """Count a batch of decided rows."""
        self._batches.observe(table.height)
        for decision in table["decision"].to_list():
            self._decisions.labels(decision or UNSCORED).inc()

    def count_refusal(self, status: int, reason: str) -> None:
        """Count a refused request or image."""
        self._refusals.labels(str(status), reason).inc()

    def loaded(self, bundle: str, study: str, rule: str) -> None:
        """Say which bundle decides from now on."""
        self._swaps.labels("ok").inc()
        self._bundle.clear()
        self._bundle.labels(bundle, study, rule).set(1)

    def not_loaded(self) -> None:
        """Count a bundle that could not be loaded."""
        self._swaps.labels("failed").inc()

    def watch_drift(self, report: Callable[[], Report | None]) -> None:
        """Give the figures of a drift report, made when they are asked for."""
        self.registry.register(_Drift(report))

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Drift(Collector):
    """Figures of the last drift report; none while there is no report."""

    def __init__(self, report: Callable[[], Report | None]) -> None:
        self._report = report

    def describe(self) -> list[Metric]:
        """Name nothing in advance: registering must not make a report."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield index, limit and state of each column, and the verdict."""
        found = self._report()
        if found is None:
            return
        psi = GaugeMetricFamily("facesift_drift_psi", "Population stability index.", labels=["column"])
        limit = GaugeMetricFamily("facesift_drift_chance", "Index that chance explains.", labels=["column"])
        for name, each in found["columns"].items():
            psi.add_metric([name], each["psi"])
            limit.add_metric([name], each["limit"])
        states = {STABLE: 0, WATCH: 1, RECALIBRATE: 2, TOO_FEW: math.nan}
        state = states[found["verdict"]["state"]]
        yield from (psi, limit)
        yield GaugeMetricFamily(
            "facesift_drift_state", "0 stable, 1 watch, 2 recalibrate, NaN: too few images.", value=state
        )
        yield GaugeMetricFamily("facesift_drift_images", "Images that were compared.", value=found["images"])
