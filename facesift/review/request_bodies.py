"""The bodies of the page's requests, checked."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

MAX_SECONDS = 86_400  # a day


class BadRequestError(Exception):
    """The request is not valid; the message says why."""


class AnswerRequest(BaseModel):
    """An answer as the page sends it.

    Attributes:
        image_id: The image.
        answer: A class name or `unsure`.
        seconds: How long the image was looked at, 0 to 86,400.
        seen: The reviewer's present answer as the page shows it.
    """

    image_id: str
    answer: str
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS)]
    seen: str | None


class UndoRequest(BaseModel):
    """A request to take back an answer.

    Attributes:
        number: Row number of the answer, as the review state gave it.
    """

    number: int


class AsideRequest(BaseModel):
    """A request to leave an image out whose file cannot be shown.

    Attributes:
        image_id: The image.
    """

    image_id: str


RequestBody = TypeVar("RequestBody", AnswerRequest, UndoRequest, AsideRequest)


async def read_body(request: Request, kind: type[RequestBody]) -> RequestBody:
    """Read and check the body of a request; `BadRequestError` if it is not valid."""
    try:
        return kind.model_validate_json(await request.body(), strict=True)
    except ValidationError as error:
        raise BadRequestError(f"The request is not valid: {error.errors()[0]['msg']}.") from None
