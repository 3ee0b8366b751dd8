"""Lists of paths: every path that a program wrote is read as it was, whatever the encoding and the line ends."""

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from facesift.core.errors import FacesiftError
from facesift.images.path_lists import read_list
from facesift.images.paths import find_files

NAMES = some.lists(
    some.text(some.characters(exclude_characters="\0\r\n\ufeff", exclude_categories=["Cs"]), min_size=1, max_size=8),
    max_size=5,
)


class Slow(io.BytesIO):
    """A pipe that gives three bytes at a time."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        return super().read1(3)

    def readline(self, _size: int | None = -1, /) -> bytes:
        return super().readline(3)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    names=NAMES,
    encoding=some.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=some.sampled_from(["\n", "\r\n", "\r"]),
)
def test_names_are_read_as_they_were_written(names, encoding, end):
    written = "".join(name + end for name in names).encode(encoding)
    assert list(read_list(Slow(written))) == names


@settings(max_examples=40, derandomize=True, deadline=None)
@given(names=some.lists(some.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name), max_size=5))
def test_with_nul_bytes_any_name_is_read(names):
    names = [name for name in names if not name.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))]
    assert list(read_list(Slow(b"".join(name + b"\0" for name in names)), null=True)) == list(map(os.fsdecode, names))


@settings(max_examples=80, derandomize=True, deadline=None)
@given(content=some.binary(max_size=40), null=some.booleans())
def test_no_list_whatever_ends_in_a_stack_trace(content, null):
    try:
        found = list(read_list(Slow(content), null=null))
    except FacesiftError as error:
        assert "-0" in str(error)  # noqa: PT017
    else:
        assert all(found)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_recognised(encoding):
    assert list(read_list(io.BytesIO("in/é.png\r\nb\r\n".encode(encoding)))) == ["in/é.png", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_wide_text_where_nul_bytes_are_expected_says_so(encoding):
    with pytest.raises(FacesiftError, match=rf"is {encoding[:6].upper()} text.*leave -0 out"):
        list(read_list(io.BytesIO("in/1.png\r\nin/2.png\r\n".encode(encoding)), null=True))


def test_names_of_one_letter_with_nul_bytes_are_names():
    assert list(read_list(io.BytesIO(b"a\0b\0" * 20), null=True)) == ["a", "b"] * 20


@pytest.mark.parametrize(("end", "null"), [(b"\n", False), (b"\0", True)])
def test_paths_come_before_the_list_ends(end, null):
    def pieces():
        yield b"path" + end
        raise AssertionError("read too far")

    class Pipe(io.BytesIO):
        given = pieces()

        def read1(self, _size: int | None = -1, /) -> bytes:
            return next(self.given)

        readline = read1

    assert next(read_list(Pipe(), null=null)) == "path"


def test_a_name_with_a_carriage_return_is_read_where_it_exists(tmp_path):
    (tmp_path / "Icon\r").touch()
    path = str(tmp_path / "Icon\r")
    assert list(read_list(io.BytesIO(f"{path}\n".encode()))) == [path]


def test_a_dash_in_a_list_is_a_file():
    assert [file.path for file in find_files(["-"], io.BytesIO(b"-\na\n"))] == ["-", "a"]


@pytest.mark.parametrize("names", [b"aa\0b\0", b"dir/a\0dir/b\0"])
def test_nul_bytes_among_lines_say_which_option_reads_them(names):
    with pytest.raises(FacesiftError, match="as `find -print0` writes them: add -0"):
        list(read_list(io.BytesIO(names)))
