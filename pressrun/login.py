"""The login of the Prefect server that `pressrun up` starts, and of a command's temporary server.

Without one, every web page that the user opens, and every other user of the machine, could start runs, whose command
runs as this user.

Invariant: a login is only ever in the environment of processes and in a file of mode 0600, never on a command line, in
a log or in an error.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pressrun.errors import Refused
from pressrun.private import private_file, private_folder

__all__ = ["CLIENT", "SERVER", "Login", "kept_login", "login_for", "new_login"]

SERVER, CLIENT = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
"""Prefect's variables: what its server asks for, and what its clients say (docs.prefect.io, Security settings)."""


def new_login() -> str:
    """A random login in Prefect's form, `user:password`."""
    return f"pressrun:{secrets.token_urlsafe(24)}"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A login, and where a person finds it."""

    text: str = field(repr=False)
    """`user:password`."""
    file: Path | None
    """Where it is kept; None when it is the environment's."""
    is_new: bool = False


def kept_login(folder: Path) -> Login | None:
    """The login in the environment, else the one in the folder; None when there is neither. Raises `Refused`."""
    given = {value for name in (SERVER, CLIENT) if (value := os.environ.get(name))}
    if len(given) > 1:
        raise Refused(f"{SERVER} and {CLIENT} are set and differ. Give both the same value, or unset both.")
    file, kept = folder / "login", ""
    with suppress(FileNotFoundError, NotADirectoryError):
        kept = file.read_text("utf-8").strip()
    text = given.pop() if given else kept
    return Login(text=text, file=file if text == kept else None) if text else None


def login_for(folder: Path) -> Login:
    """The login that the server in this folder asks for; a new one is kept there. Raises `Refused`."""
    if login := kept_login(folder):
        return login
    login = Login(text=new_login(), file=folder / "login", is_new=True)
    private_folder(folder)
    private_file(folder / "login").write_text(login.text + "\n", "utf-8")
    return login
