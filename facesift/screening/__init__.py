"""Screening: image files in, decisions out; and the drift of the stream of images."""
