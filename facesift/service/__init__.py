"""The screening service: answers images over HTTP with decisions, as `facesift screen` makes them."""
