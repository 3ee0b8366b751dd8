"""Reads image files: archives, decoding to upright RGB pixels, face detection, crops."""
