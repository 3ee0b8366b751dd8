"""Evaluation of the committee: figures with intervals, curves, audit probes, slices, robustness, comparisons."""
