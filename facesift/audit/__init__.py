"""The audit: where the figures come from (probes, leakage, sources, slices), and how they hold under damage."""
