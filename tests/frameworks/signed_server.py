"""A server of its own process behind a door for signed requests: `python -m tests.frameworks.signed_server URL HTTP`.

It takes its port from the socket it inherits as standard input, and answers how long the body was and its SHA-256.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ["KEY", "SECRET", "Running", "echo", "running"]

KEY: Final = "shop"
SECRET: Final = bytes((7 + place * 37) % 256 for place in range(32))
DEADLINE_S: Final = 20


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """How long the body was, in how many messages it came, and its SHA-256."""
    if scope["type"] != "http":
        raise NotImplementedError
    digest, size, more, messages = sha256(), 0, True, 0
    while more:
        message = await receive()
        digest.update(message["body"])
        size, more, messages = size + len(message["body"]), message["more_body"], messages + 1
    said = f"{size} {messages} {digest.hexdigest()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


class Running(NamedTuple):
    """A server that runs."""

    pid: int
    port: int

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(url: str, *, http: str = "httptools", folder: Path) -> Iterator[Running]:
    """A server in a process of its own; its temporary files are below `folder`."""
    listener = socket.create_server(("127.0.0.1", 0))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "tests.frameworks.signed_server", url, http]
    process = subprocess.Popen(command, stdin=listener.fileno(), env=environment)
    port = listener.getsockname()[1]
    try:
        _wait_for(port, process)
        yield Running(process.pid, port)
    finally:
        process.terminate()
        process.wait(DEADLINE_S)
        listener.close()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        # The socket listens from the start: an answer says that the process does.
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        deadline = time.monotonic() + DEADLINE_S
        assert connection.recv(9) == b"HTTP/1.1 ", process.poll()
        assert time.monotonic() < deadline


def _serve(url: str, http: Any) -> None:
    import uvicorn

    from doorward import Door, SignedRequests, open_store
    from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
    from doorward.frameworks.asgi import DoorMiddleware

    keys = {KEY: SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET)}
    method = SignedRequests(open_store(url), keys=keys, body_bytes_max=2 * 2**30)
    app = DoorMiddleware(echo, Door(method))
    config = uvicorn.Config(app, http=http, log_level="critical", proxy_headers=False, lifespan="on")
    uvicorn.Server(config).run([socket.socket(fileno=0)])


if __name__ == "__main__":
    _serve(*sys.argv[1:])
