"""Servers on loopback ports for the remotes: OpenSSH's sshd, and SeaweedFS for S3."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd wants it when it is started as root
ACCESS_KEY, SECRET_KEY = "facesift", "facesift-test-secret"
BUCKET = "face-bucket"
PATIENCE = 60  # seconds until a server must answer


def free_ports(count: int) -> list[int]:
    """Return ports below 32768 that nobody listens on: outgoing connections take theirs from above."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in range(20000 + os.getpid() % 5000, 32768):
            listener = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise RuntimeError("no free ports")


@contextlib.contextmanager
def serving(command: list[str], room: Path, port: int) -> Iterator[None]:
    """Run a server until the block ends; its output goes to `room`/log."""
    with (room / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=room, stdout=log, stderr=log)
    try:
        wait_for(port, server, room / "log")
        yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{server.args[0]} does not answer on port {port}:\n{log.read_text(errors='replace')}")


@contextlib.contextmanager
def ssh_server(room: Path) -> Iterator[str]:
    """Yield host:port of an SSH server that knows one key, `room`/key, for the user who started it."""
    (port,) = free_ports(1)
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", room / name], check=True)
    (room / "sshd_config").write_text(
        f"""\
Port {port}
ListenAddress 127.0.0.1
HostKey {room}/host_key
AuthorizedKeysFile {room}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxSessions 100
MaxStartups 100
LogLevel ERROR
Subsystem sftp internal-sftp
"""
    )
    with privilege_separation(), serving([SSHD, "-D", "-e", "-f", str(room / "sshd_config")], room, port):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def privilege_separation() -> Iterator[None]:
    """Make the folder that sshd wants when root starts it, and take it away again."""
    needed = os.geteuid() == 0 and not PRIVILEGE_SEPARATION.exists()
    if needed:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    try:
        yield
    finally:
        if needed:
            PRIVILEGE_SEPARATION.rmdir()


@contextlib.contextmanager
def s3_server(room: Path) -> Iterator[str]:
    """Yield the URL of an S3 server with an empty bucket, `BUCKET`, for one key pair."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    *ports, port, grpc = free_ports(len(names) + 2)
    identity = {
        "name": "facesift",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (room / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (room / "data").mkdir()
    command = [WEED, "server", f"-dir={room}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=20",
               "-volume.preStopSeconds=0", "-master.volumeSizeLimitMB=64", "-s3", f"-s3.config={room}/s3.json",
               f"-s3.port={port}", f"-s3.port.grpc={grpc}", "-s3.port.iceberg=0", "-s3.port.lance=0",
               *(f"-{name}={number}" for name, number in zip(names, ports, strict=True))]  # fmt: skip
    with serving(command, room, port):
        url = f"http://127.0.0.1:{port}"
        make_bucket(url, room / "log")
        yield url


def s3_files(url: str) -> fsspec.AbstractFileSystem:
    return fsspec.filesystem("s3", key=ACCESS_KEY, secret=SECRET_KEY, endpoint_url=url, skip_instance_cache=True)


def make_bucket(url: str, log: Path) -> None:
    """Ask until the server that answers also stores."""
    bucket = s3_files(url)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if not bucket.exists(BUCKET):
                bucket.mkdir(BUCKET)
            bucket.pipe_file(f"{BUCKET}/ready", b"1")
            bucket.rm_file(f"{BUCKET}/ready")
        except OSError as error:
            if time.monotonic() > end:
                raise RuntimeError(f"{url} does not store: {error}\n{log.read_text(errors='replace')}") from error
            time.sleep(0.5)
        else:
            return
