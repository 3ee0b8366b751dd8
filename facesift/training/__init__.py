"""Training one member: its network, loss, augmentation, the Lightning loop, and the scores it gives."""
