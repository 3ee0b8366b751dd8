"""The exported committee: its card, ONNX graph and runtimes, the export and its parity check."""
