"""Training of one member: losses, optimisers, samplers, the Lightning module, checkpoints."""
