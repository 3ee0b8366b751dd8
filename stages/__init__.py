"""One small module per pipeline stage: parameters in, library call, outputs out. Run as `python -m stages.NAME`."""
