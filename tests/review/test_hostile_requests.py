"""The bodies of the page's requests: whatever arrives is an answer, or a request that is said to be wrong."""

import asyncio
import json

import hypothesis.strategies as st
from hypothesis import given

from facesift.review.request_bodies import AnswerRequest, BadRequestError, UndoRequest, read_body


class Request:
    """As much of a request as is read."""

    def __init__(self, data):
        self.data = data

    async def body(self):
        return self.data


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each, max_size=3)
)
BODIES = st.dictionaries(st.sampled_from(["image_id", "answer", "seconds", "seen", "number", "more"]), VALUES)


def read(data, kind):
    try:
        return asyncio.run(read_body(Request(data), kind))
    except BadRequestError:
        return None


@given(BODIES)
def test_any_json_is_an_answer_or_refused(body):
    found = read(json.dumps(body).encode("utf-8", "surrogatepass"), AnswerRequest)
    assert found is None or 0 <= found.seconds <= 86_400
    undone = read(json.dumps(body).encode("utf-8", "surrogatepass"), UndoRequest)
    assert undone is None or isinstance(undone.number, int)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    read(data, AnswerRequest)
    read(data, UndoRequest)


def test_deep_nesting_is_refused():
    assert read(b"[" * 100_000, AnswerRequest) is None
    assert read(b'{"seconds": 1' + b"0" * 100_000 + b"}", AnswerRequest) is None
