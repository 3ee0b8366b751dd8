"""Planted queues: image files, decisions about them, a committee's bundle, and the page served over them."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from facesift.config.data import WHOLE
from facesift.review.access_control import Credentials
from facesift.review.app import PageHandlers, make_app
from facesift.review.attribution import AttributionMaps, why_unavailable
from facesift.review.image_handlers import ImageHandlers
from facesift.review.server import ReviewRequest, bind, find_similar, load_state
from facesift.review.study import Study
from tests.made import ROOT

MEMBERS = ("convnext1", "convnext2")
PROBABILITIES = (0.2, 0.9, 0.5, 0.7, 0.4)  # so that the queue's order is 1, 3, 2, 4, 0


def id_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def plant_images(folder: Path, number: int, suffix: str = ".png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"face{one}{suffix}" for one in range(number)]
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def decisions_of(paths: list[Path], probabilities=PROBABILITIES, decision: str = "review") -> pl.DataFrame:
    """A decisions table as `facesift screen` writes it."""
    return pl.DataFrame(
        {
            "image": [str(path) for path in paths],
            "image_id": [id_of(path) for path in paths],
            "decision": decision,
            "probability": list(probabilities)[: len(paths)],
            "vote_convnext1": "fake", "vote_convnext2": "real", "vote_stacker": "real",
            "reason": "", "width": 32, "height": 40,
        }
    )  # fmt: skip


def plant_queue(folder: Path, number: int = 5) -> Path:
    """Write `number` images and `decisions.csv`; return the table's path."""
    path = folder / "decisions.csv"
    decisions_of(plant_images(folder / "in", number)).write_csv(path)
    return path


def in_order(decisions: Path) -> list[str]:
    """The image_ids of a table in the order of the queue."""
    return pl.read_csv(decisions).sort("probability", descending=True)["image_id"].to_list()


def plant_bundle(folder: Path, size: int = 32, classes: tuple[str, ...] = ("real", "fake")) -> Path:
    """Write what the page needs of a bundle: its card and the weights of two small networks."""
    from facesift.bundle.card import SCHEMA
    from facesift.core.files import write_json
    from facesift.core.fingerprint import sha256
    from facesift.networks.architectures import build_network
    from facesift.networks.weights import save_weights
    from tests.made_config import Architecture

    architecture = {"name": "timm:test_convnext", "arguments": {}}
    preprocessing = {"image_size": size, "resize": "squish", "normalise": {"name": "per_image"}}
    members, files = [], {}
    for seed, name in enumerate(MEMBERS):
        network = build_network(Architecture(**architecture), len(classes), seed=seed, image_size=size)
        path = folder / "members" / f"{name}.safetensors"
        header = {"architecture": architecture, "classes": classes, "preprocessing": preprocessing}
        save_weights(path, network, header)
        entry = {
            "name": name,
            "backbone": None,
            "architecture": architecture,
            "batch_size": 1,
            "preprocessing": preprocessing,
        }
        members.append(entry | {"file": f"members/{name}.safetensors", "sha256": sha256(path)})
        files[f"members/{name}.safetensors"] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    other = {"bytes": 1, "sha256": "0" * 64}
    limits = {"max_pixels": 10**6, "max_bytes": 10**6}
    card = {
        "schema": SCHEMA, "backbones": {}, "study": "planted", "classes": classes, "positive": "fake",
        "members": members,
        "image": {"image_size": size, "resize": "squish", "crop": WHOLE.model_dump()} | limits,
        "rule": "majority", "points": {}, "metrics": {}, "inputs": {}, "versions": {}, "parity": {}, "stopping": None,
        "stability": None,
        "calibration": {"method": "platt", "temperature": 1.0, "bias": 0.0, "prevalence": 0.02},
        "files": files | dict.fromkeys(("committee.onnx", "stacker.safetensors", "reference.json"), other),
    }  # fmt: skip
    write_json(folder / "bundle.json", card, sealed=True)
    return folder


def review_request(decisions: Path, reviewer: str = "anna", **changes) -> ReviewRequest:
    folder = decisions.parent
    given = {
        "decisions": decisions, "reviewer": reviewer, "port": 0, "images": None, "answers": folder / "reviews",
        "bundle": folder / "bundle", "everything": False,
    }  # fmt: skip
    return ReviewRequest(**given | changes)


class Served:
    """The page over a review state, in a thread of this process."""

    def __init__(self, request: ReviewRequest) -> None:
        import uvicorn

        study = Study.find(request.decisions, request.answers)
        self.state = load_state(request)
        reason = why_unavailable(request.bundle)
        self.listener = bind(0)
        self.credentials = Credentials(self.listener.getsockname()[1])
        maps = None if reason else AttributionMaps.load(request.bundle)
        images = ImageHandlers(self.state, maps, reason, similar=find_similar(self.state, study))
        handlers = PageHandlers(self.credentials, images)
        config = uvicorn.Config(make_app(handlers), log_level="critical", lifespan="off", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],), daemon=True)
        self.thread.start()

    def ask(self, path: str, body=None, method: str | None = None, secret: str | None = None, **headers):
        """Send a request with our own Host, Origin and token unless told otherwise; return (status, headers, body)."""
        own = {"Host": f"127.0.0.1:{self.credentials.port}", "Origin": f"http://127.0.0.1:{self.credentials.port}"}
        sent = (
            own
            | {"X-CSRF-Token": self.credentials.token}
            | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        data = json.dumps(body) if body is not None else None
        connection = http.client.HTTPConnection("127.0.0.1", self.credentials.port, timeout=60)
        address = f"/{self.credentials.secret if secret is None else secret}/{path}"
        connection.request(
            method or ("GET" if body is None else "POST"), address, data,
            {name: value for name, value in sent.items() if value is not None},
        )  # fmt: skip
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, dict(reply.getheaders()), content

    def json(self, path: str, body=None, **headers):
        status, _, content = self.ask(path, body, **headers)
        return status, json.loads(content)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


@contextlib.contextmanager
def started(*arguments: str, cwd: Path):
    """Run `facesift review` in a process of its own; give the process and its address."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "facesift.cli.main", "review", *arguments], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if found := re.search(r"http://\S+/", line):
                yield process, found[0]
                break
        else:
            raise AssertionError(f"no address was printed:\n{printed}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
