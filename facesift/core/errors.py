"""The error for mistakes that a user can put right; it is shown as one message, without a stack trace."""


class FacesiftError(Exception):
    """A mistake in parameters, files or data that the user can put right.

    The message names the file, the key or the image, the bad value, and what would be right.
    """
