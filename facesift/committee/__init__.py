"""The decision engine: the stacked ensemble, voting rules, calibration, thresholds and the risk guarantee."""
