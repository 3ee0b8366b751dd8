"""Inspects a folder or an archive of images before a study is made of it."""
