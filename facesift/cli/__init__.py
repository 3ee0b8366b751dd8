"""The command line `facesift`: one file for each command."""
