"""What the readers of Parquet files print when they give up stays off the terminal, and nothing else does."""

import os

import pytest

from facesift.core.panics import without_panic_text


class PanicException(BaseException):
    """Stands for that of polars."""


def test_the_text_of_a_panic_is_dropped(capfd: pytest.CaptureFixture[str]):
    with pytest.raises(PanicException), without_panic_text(), without_panic_text():
        os.write(2, b"thread '<unnamed>' panicked at parquet.rs")
        raise PanicException
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_else_is_printed_is_printed(capfd: pytest.CaptureFixture[str], error: type[Exception] | None):
    try:
        with without_panic_text():
            os.write(2, b"a warning\n")
            if error:
                raise error
    except ValueError:
        pass
    assert capfd.readouterr().err == "a warning\n"
