"""Settings of all tests."""

import signal

import hypothesis

# The first call imports and compiles: a deadline would measure that. Examples are the same on every run.
hypothesis.settings.register_profile("facesift", deadline=None, derandomize=True)
hypothesis.settings.load_profile("facesift")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the programs that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
