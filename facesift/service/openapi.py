"""The description of the interface: OpenAPI for programs, one page without scripts for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import polars as pl

from facesift import __version__
from facesift.bundle.card import Card
from facesift.committee.decision import REVIEW_NAME
from facesift.screening.columns import SAID, VOTE, decisions_schema
from facesift.service.settings import Limits

Tree = dict[str, Any]
TYPES = {pl.String: "string", pl.Int64: "integer", pl.Float64: "number", pl.Boolean: "boolean"}
MEANINGS = {
    "image": "name of the file as the client sent it",
    "image_id": "first 32 digits of the SHA-256 of the file",
    "decision": "a class, `review`, or null where the image could not be scored",
    "probability": "calibrated, of the class `positive`, where its share is `prevalence`",
    "reason": "why it could not be scored, or why a person decides it whatever the votes",
    "prevalence": "share of the positive class at which `probability` holds; null: not known",
    "bundle": "hash of the bundle that decided",
    "rule": "voting rule, or `point:` and the name of an operating point",
    "lo": "of an operating point: decided otherwise below this probability",
    "hi": "of an operating point: decided positive from this probability on",
    "time": "UTC, when it was decided",
    "facesift": "version of the program",
    "positive": "the class that is looked for",
    "votes": "the class that each voter votes for",
    "probabilities": "each voter's own probability of the positive class, not calibrated",
    "quality_warnings": "in what the image is unlike the test images",
}
ANSWERS = {
    200: "At least one image has a decision; the others have a `reason`.",
    400: "The form has no file, or cannot be read.",
    401: "The token is missing or not valid.",
    403: "The token is for something else.",
    408: "The request came too slowly.",
    413: "Too many bytes, pixels or images.",
    415: "Not an image of a format that is read, or another Content-Type.",
    422: "The image is damaged or cannot be scored; `detail` says why.",
    429: "This token has too many requests under way; see Retry-After.",
    503: "Overloaded, stopping, too slow, or the log cannot be written; see Retry-After.",
}
EXAMPLES = """\
curl -H 'Authorization: Bearer TOKEN' -H 'Content-Type: image/jpeg' --data-binary @face.jpg URL
curl -H 'Authorization: Bearer TOKEN' -F image=@1.jpg -F image=@2.png URL"""


def describe(card: Card, voters: Sequence[str], limits: Limits, *, tokens: bool) -> Tree:
    """Describe the interface as OpenAPI 3.1.

    Args:
        card: of the bundle that decides.
        voters: its members and the stacker.
        limits: what is refused.
        tokens: whether requests need one.
    """
    binary = {"schema": {"type": "string", "format": "binary"}}
    form: Tree = {
        "type": "object",
        "properties": {"image": {"type": "array", "items": {"type": "string", "format": "binary"}}},
    }
    post: Tree = {
        "operationId": "decide",
        "summary": "Decide an image, or several",
        "description": f"At most {limits.request_bytes:,} bytes and {limits.request_images} images. All images of a "
        "request are decided by the same bundle. With `--log`, every decision is in the log before it is answered.",
        "parameters": [
            _parameter("X-Request-ID", "header", "Your own id of the request, 1 to 64 of A-Z a-z 0-9 . _ -"),
            _parameter("name", "query", "Name of the file, for a raw body"),
        ],
        "requestBody": {"required": True, "content": {"image/*": binary, "multipart/form-data": {"schema": form}}},
        "responses": {str(status): _response(status, words) for status, words in ANSWERS.items()},
    }
    if tokens:
        post["security"] = [{"token": []}]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"facesift: {card.study}", "version": __version__},
        "paths": {
            "/v1/decisions": {"post": post},
            "/healthz": {"get": _plain("The process answers.")},
            "/readyz": {"get": _plain("Requests should be sent here; 503: not yet, or no more.")},
            "/metrics": {"get": _plain("Figures for Prometheus.")},
        },
        "components": {
            "schemas": {"Decision": _decision(card, voters), "Answer": _answer(), "Error": _error()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _parameter(name: str, place: str, words: str) -> Tree:
    return {"name": name, "in": place, "description": words, "schema": {"type": "string"}}


def _plain(words: str) -> Tree:
    return {"summary": words, "responses": {"200": {"description": words}}}


def _response(status: int, words: str) -> Tree:
    name = "Answer" if status == 200 else "Error"
    return {
        "description": words,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
    }


def _decision(card: Card, voters: Sequence[str]) -> Tree:
    """Schema of a row: the columns of `facesift screen`, votes and probabilities by voter."""
    columns = decisions_schema(voters)
    plain = {name: kind for name, kind in columns.items() if not name.startswith((VOTE, SAID))}
    fields: Tree = {name: {"type": [TYPES[type(kind)], "null"]} for name, kind in plain.items()}
    fields["decision"]["enum"] = [*card.classes, REVIEW_NAME, None]
    fields["positive"] = {"type": "string", "enum": [card.positive]}
    for name, kind in (("votes", "string"), ("probabilities", "number")):
        fields[name] = {"type": "object", "properties": {voter: {"type": [kind, "null"]} for voter in voters}}
    fields["quality_warnings"] = {"type": "array", "items": {"type": "string"}}
    for name, words in MEANINGS.items():
        fields[name]["description"] = words
    return {"type": "object", "properties": fields, "required": list(fields)}


def _answer() -> Tree:
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Decision"}}
    text = {"type": "string"}
    properties = {"request_id": text, "bundle": text, "decisions": rows}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _error() -> Tree:
    error = {"type": "object", "properties": {"reason": {"type": "string"}, "detail": {"type": "string"}}}
    return {"type": "object", "properties": {"request_id": {"type": "string"}, "error": error}}


def docs_page(description: Tree) -> str:
    """Render the description for people: one page that loads nothing."""
    post = description["paths"]["/v1/decisions"]["post"]
    fields = description["components"]["schemas"]["Decision"]["properties"]
    title = escape(description["info"]["title"])
    other = {path: methods["get"] for path, methods in description["paths"].items() if "get" in methods}
    parts = [
        f"<h1>{title}</h1>",
        f'<p>facesift {escape(description["info"]["version"])}; <a href="openapi.json">openapi.json</a></p>',
        f"<h2>POST /v1/decisions</h2><p>{escape(post['description'])}</p><pre>{EXAMPLES}</pre>",
        "<h3>Answers</h3>" + _table((status, each["description"]) for status, each in post["responses"].items()),
        "<h3>A decision</h3>" + _table((name, _words(each)) for name, each in fields.items()),
        "<h2>Other addresses</h2>" + _table((path, each["summary"]) for path, each in other.items()),
    ]
    style = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    style += "td{vertical-align:top;padding:.2rem 1rem .2rem 0}pre{background:#eee;padding:.5rem;overflow:auto}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _words(schema: Tree) -> str:
    kind = schema["type"] if isinstance(schema["type"], str) else " or ".join(schema["type"])
    choices = f" {json.dumps(schema['enum'])}" if "enum" in schema else ""
    return f"{kind}{choices}. {schema.get('description', '')}"


def _table(rows: Any) -> str:
    cells = (f"<tr><td><code>{escape(str(name))}</code></td><td>{escape(words)}</td></tr>" for name, words in rows)
    return f"<table>{''.join(cells)}</table>"
