"""Starts Python programs by forking a process that has imported the large libraries already.

A stage that needs torch spends three seconds of processor time on imports, and `dvc` one; the tests of the pipeline
start hundreds of them. Each program still is a process of its own: with its own folder, environment, arguments, files
and exit status. Nothing of facesift is imported in advance.

`programs(room)` starts the server and gives a folder with `python` and `dvc`, to be put first in PATH. What is not
`python -m MODULE` or `dvc` runs as ever.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIBRARIES = (  # not onnxruntime: it starts threads, which do not survive a fork
    "numpy", "polars", "pydantic", "yaml", "h5py", "PIL.Image", "safetensors.numpy", "scipy.stats", "scipy.optimize",
    "sklearn.metrics", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline", "sklearn.compose",
    "sklearn.manifold", "sklearn.svm", "imblearn.over_sampling", "imblearn.under_sampling", "imblearn.combine",
    "imagehash", "matplotlib.pyplot", "jinja2", "joblib", "torch", "torchvision", "torch._dynamo", "torch.export",
    "torch.onnx._internal.exporter._core", "onnxscript", "onnx_ir.passes.common", "onnx", "timm",
    "pytorch_lightning", "typer", "rich.console", "omegaconf", "hydra",
    "dvc.cli", "dvc.cli.parser", "dvc.repo", "dvc.repo.experiments", "dvc.repo.reproduce", "dvc.repo.plots",
    "dvc_data.index", "dvc.scm", "dvc.stage.cache", "dvc.ui", "dvc.render.match",
)  # fmt: skip

CLIENT = """#!{python} -ISE
import array, json, os, signal, socket, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "python" and words[:1] != ["-m"]:
    os.execv({python!r}, [{python!r}, *words])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps({{"name": name, "words": words, "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
server.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(request)
answers = server.makefile("r")
child = int(answers.readline() or sys.exit("the fork server is gone"))
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda number, frame: os.kill(child, number))
status = int(answers.readline() or 1)
sys.exit(status if status >= 0 else 128 - status)
"""


@contextmanager
def programs(room: Path, hash_seed: int = 0) -> Iterator[Path]:
    """Serve programs from the folder that this yields, until the end of the context.

    Args:
        room: an empty folder; its path must be short, as a socket's is.
        hash_seed: of the programs, which decides in which order they go through sets.

    Yields:
        The folder to put first in PATH.
    """
    address, folder = f"{room}/socket", room / "bin"
    folder.mkdir()
    for name in ("python", "dvc"):
        (folder / name).write_text(CLIENT.format(python=sys.executable, address=address))
        (folder / name).chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(room), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": str(hash_seed),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, __file__, address], cwd=room, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        if server.stdout is None or server.stdout.readline() != "ready\n":
            raise RuntimeError(f"the fork server did not start: {server.wait()}")
        yield folder
    finally:
        server.terminate()
        server.wait()


def serve(address: str) -> dict[str, Any]:
    """Answer requests for ever; return, in a new process, with each."""
    for name in LIBRARIES:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        gc.collect()
        gc.freeze()  # so that no collection in a program writes to, and so copies, what was imported
        print("ready", flush=True)  # noqa: T201
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that wait for the programs
        while True:
            connection, _ = listener.accept()
            if not os.fork():
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = _received(connection)
    child = os.fork()
    if child:
        _tell(connection, child)
    connection.close()
    return request


def _received(connection: socket.socket) -> dict[str, Any]:
    head, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    files = array.array("i")
    files.frombytes(ancillary[0][2])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    request: dict[str, Any] = json.loads(connection.makefile("rb").read(int.from_bytes(head, "big")))
    return request


def _tell(connection: socket.socket, child: int) -> None:
    """Send the number of the process, then how it ended, and end."""
    for number in range(3):  # a reader of the program's output waits until nobody has it open
        os.close(number)
    with contextlib.suppress(OSError):
        connection.sendall(f"{child}\n".encode())
        connection.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
    os._exit(0)


def run(request: dict[str, Any]) -> None:
    """Be the program that was asked for."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    words = request["words"]
    if request["name"] == "dvc":
        sys.argv, sys.path[0] = ["dvc", *words], str(Path(sys.executable).parent)
        from dvc.cli import main

        sys.exit(main())
    sys.argv, sys.path[0] = words[1:], request["folder"]
    sys.path[1:1] = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)


def run_and_end(request: dict[str, Any]) -> None:
    """Be the program, and end as it does, without taking down all that was imported: that would take a second."""
    status = 1
    try:
        run(request)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)  # noqa: T201
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run_and_end(serve(sys.argv[1]))
