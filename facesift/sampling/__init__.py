"""Re-sampling of the training split: plans instead of pixels, and the batches made from shards and a plan."""
