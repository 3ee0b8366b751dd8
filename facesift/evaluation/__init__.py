"""Evaluation of the committee: figures with intervals, curves, prevalence, workload, comparisons."""
