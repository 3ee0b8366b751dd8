"""The command line `facesift`."""
