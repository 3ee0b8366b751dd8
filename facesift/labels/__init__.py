"""Reads label tables, and finds the class of a name and the file of a row, however they are written."""
