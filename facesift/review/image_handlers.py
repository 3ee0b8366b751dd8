"""Requests about one image: the photo, other views of it, maps, facts of its file, and similar training images."""

from __future__ import annotations

import asyncio
import base64
from concurrent.futures import Future
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from facesift.review.attribution import AttributionMaps
from facesift.review.attribution_drawing import AttributionMap
from facesift.review.file_facts import file_facts
from facesift.review.images import ImageLimits, browser_image, read_image_file
from facesift.review.photo_views import VIEWS, photo_view
from facesift.review.request_bodies import BadRequestError
from facesift.review.similar import SimilarImages
from facesift.review.state import ReviewState


@dataclass(frozen=True)
class ImageHandlers:
    """The functions that answer requests about an image. They run in threads, off the event loop.

    Attributes:
        state: The review state.
        maps: Makes attribution maps; None where none can be made.
        no_maps_reason: Why no maps can be made; "" where they can.
        limits: The largest image that is shown.
        similar: Finds similar training images; None where they are not shown.
    """

    state: ReviewState
    maps: AttributionMaps | None
    no_maps_reason: str
    limits: ImageLimits = field(default_factory=ImageLimits)
    similar: SimilarImages | None = None

    @property
    def routes(self) -> list[Route]:
        """The addresses, below the secret."""
        return [
            Route("/image/{image_id}", self.image),
            Route("/view/{image_id}/{kind}", self.view),
            Route("/facts/{image_id}", self.facts),
            Route("/map/{image_id}/{member}", self.map),
            Route("/heat/{image_id}", self.heat),
            Route("/similar/{image_id}", self.similar_images),
            Route("/training/{image_id}", self.training_image),
        ]

    def image(self, request: Request) -> Response:
        """Return an image of the queue by its image_id."""
        data, kind = browser_image(self._bytes(request.path_params["image_id"]), self.limits.max_pixels)
        return Response(data, media_type=kind)

    def view(self, request: Request) -> Response:
        """Return another view of an image as JPEG; see `photo_views.VIEWS`."""
        kind = request.path_params["kind"]
        if kind not in VIEWS:
            raise BadRequestError(f"{kind!r} is no view; there are {', '.join(VIEWS)}")
        data = self._bytes(request.path_params["image_id"])
        return Response(photo_view(data, kind, self.limits.max_pixels), media_type="image/jpeg")

    def facts(self, request: Request) -> Response:
        """Return what is known of an image file: pairs of name and value."""
        if self.state.queue.blind:
            raise BadRequestError("The facts of a file may tell a gold image.")
        return JSONResponse(file_facts(self._bytes(request.path_params["image_id"]), self.limits.max_pixels))

    async def map(self, request: Request) -> Response:
        """Return a member's attribution map of an image: a PNG in base64 and its description."""
        maps, image_id, member = self._maps(), request.path_params["image_id"], request.path_params["member"]
        if member not in maps.card.member_names:
            raise BadRequestError(f"{member!r} is not a member of the committee")
        if self.state.hides_opinion(image_id):
            raise BadRequestError("The members' maps are shown after your answer.")
        data = await run_in_threadpool(self._bytes, image_id)
        return await _map_reply(maps.request(image_id, member, data))

    async def heat(self, request: Request) -> Response:
        """Return the committee's map of an image; while the opinion is hidden it does not say for or against."""
        maps, image_id = self._maps(), request.path_params["image_id"]
        data = await run_in_threadpool(self._bytes, image_id)
        neutral = self.state.hides_opinion(image_id)
        return await _map_reply(maps.request_committee(image_id, data, neutral=neutral))

    def similar_images(self, request: Request) -> Response:
        """Return the image_id of the most similar training image of each class."""
        similar, image_id = self._similar(), request.path_params["image_id"]
        return JSONResponse(similar.most_similar(self._bytes(image_id), image_id, self.limits.max_pixels))

    def training_image(self, request: Request) -> Response:
        """Return a training image by its image_id."""
        similar, image_id = self._similar(), request.path_params["image_id"]
        if image_id not in similar:
            raise BadRequestError("No such training image.")
        data = read_image_file(similar.name(image_id), image_id, similar.roots, self.limits.max_bytes)
        content, kind = browser_image(data, self.limits.max_pixels)
        return Response(content, media_type=kind)

    def _maps(self) -> AttributionMaps:
        if self.maps is None:
            raise BadRequestError(self.no_maps_reason)
        return self.maps

    def _similar(self) -> SimilarImages:
        if self.similar is None:
            raise BadRequestError("Similar images are shown with review.similar: true, and without gold images.")
        return self.similar

    def _bytes(self, image_id: str) -> bytes:
        queue = self.state.queue
        position = queue.position(image_id)
        if position is None:
            raise BadRequestError("No such image in this queue.")
        return read_image_file(queue.row(position)["image"], image_id, queue.roots, self.limits.max_bytes)


async def _map_reply(future: Future[AttributionMap]) -> JSONResponse:
    made = await asyncio.wrap_future(future)
    return JSONResponse({"png": base64.b64encode(made.png).decode(), "description": made.description})
