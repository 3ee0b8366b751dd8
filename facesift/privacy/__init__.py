"""A person's right to erasure: finds what holds an image, and removes it."""
