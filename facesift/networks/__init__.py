"""Network architectures, their weights, preprocessing, test-time augmentation, and scoring with trained members."""
