"""A service as a process on loopback, and a client for it."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.made import ROOT

BOUNDARY = "facesift-test-boundary"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def rows(self):
        return self.json["decisions"]


@dataclass
class Service:
    """A running service."""

    process: subprocess.Popen
    port: int
    bundle: str
    token: str = ""

    def ask(self, method, path, body=None, **headers) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and "Authorization" not in given:
            given["Authorization"] = f"Bearer {self.token}"
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return reply

    def decide(self, data: bytes, kind="image/jpeg", query="", **headers) -> Reply:
        return self.ask("POST", f"/v1/decisions{query}", data, Content_Type=kind, **headers)

    def decide_form(self, files, **headers) -> Reply:
        return self.decide(form(files), f"multipart/form-data; boundary={BOUNDARY}", **headers)

    def figures(self, token) -> dict[str, float]:
        lines = self.ask("GET", "/metrics", Authorization=f"Bearer {token}").body.decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    def wait_for(self, condition, seconds=15.0):
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.05)
        return found

    def open_upload(self, declared: int, sent: bytes) -> socket.socket:
        """Send the headers and the beginning of a request."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head = f"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {declared}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        return connection

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def form(files: dict[str, bytes]) -> bytes:
    parts = []
    for name, data in files.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def serving(bundle: Path, *options: str, token: str = ""):
    """Start `facesift serve`, and end it."""
    command = [sys.executable, "-m", "facesift.cli.main", "serve", "--bundle", str(bundle), "--port", "0"]
    process = subprocess.Popen([*command, "--threads", "1", *options], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        first, second = process.stdout.readline(), process.stdout.readline()
        assert second, "the service did not start"
        yield Service(process, int(re.search(r":(\d+)/", second)[1]), first.split()[1], token)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
