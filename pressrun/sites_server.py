"""The finished sites over HTTP on this machine, for `pressrun up`: `python -m pressrun.sites_server PORT FOLDER`.

Invariant: only pages that were opened under this machine's own name are served. A web page can point a name of its own
at 127.0.0.1 (DNS rebinding) and would read sites that are not published yet.
"""

import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO

__all__ = ["LOCAL_NAMES", "serve"]

LOCAL_NAMES = ("127.0.0.1", "localhost")


class Sites(SimpleHTTPRequestHandler):
    """A folder's files, for local names only."""

    def send_head(self) -> "BinaryIO | None":
        """Begin the response to GET and HEAD."""
        if self.headers.get("Host", "").partition(":")[0] not in LOCAL_NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Open this server as 127.0.0.1")
            return None
        return super().send_head()


def serve(port: int, folder: str) -> None:
    """Serve a folder until the process ends."""
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Sites, directory=folder)) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
