"""The finished sites over HTTP on this machine, for `pressrun up`: `python -m pressrun.sites_server PORT FOLDER`.

Invariant: sites that are not published yet are shown only to who knows the login, which is in the environment, as for
Prefect's server; every user of the machine can connect. Only pages that were opened under this machine's own name are
served: a web page can point a name of its own at 127.0.0.1 (DNS rebinding).
"""

import os
import sys
from base64 import b64encode
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from secrets import compare_digest
from typing import Any, BinaryIO

from pressrun.login import CLIENT

__all__ = ["LOCAL_NAMES", "serve"]

LOCAL_NAMES = ("127.0.0.1", "localhost")


class Sites(SimpleHTTPRequestHandler):
    """A folder's files, for local names and with the login only."""

    def __init__(self, *args: Any, login: str, **options: Any) -> None:
        self.expected = b64encode(login.encode())
        super().__init__(*args, **options)  # answers the request

    def send_head(self) -> "BinaryIO | None":
        """Begin the response to GET and HEAD."""
        if self.headers.get("Host", "").partition(":")[0] not in LOCAL_NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Open this server as 127.0.0.1")
            return None
        if not self._knows_login():
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="Pressrun", charset="UTF-8"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return super().send_head()

    def _knows_login(self) -> bool:
        """Whether the request has the login, in the form of RFC 7617."""
        scheme, _, sent = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "basic" and compare_digest(sent.strip().encode(), self.expected)


def serve(port: int, folder: str, login: str) -> None:
    """Serve a folder to who knows the login (`user:password`) until the process ends."""
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Sites, directory=folder, login=login)) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], os.environ.get(CLIENT) or sys.exit(f"{CLIENT} is not set."))
