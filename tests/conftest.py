"""Settings of all tests."""

import hypothesis

# The first call imports and compiles: a deadline would measure that. Examples are the same on every run.
hypothesis.settings.register_profile("facesift", deadline=None, derandomize=True)
hypothesis.settings.load_profile("facesift")
