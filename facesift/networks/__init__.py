"""Network architectures, their weights, preprocessing and test-time views, and the scores they give."""
