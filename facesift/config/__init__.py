"""The schema of params.yaml: every parameter with its description, type and range."""
