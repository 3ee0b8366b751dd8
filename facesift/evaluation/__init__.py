"""What the figures are worth: metrics, curves, audit probes, slices, robustness and comparisons."""
