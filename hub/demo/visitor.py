"""A person at the site without a browser: opens pages, fills forms, pushes with git."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path

CLEAR_TOKEN = re.compile(r"ts_[A-Za-z0-9_-]{43}")
PAGE_SECONDS = 30
GIT_SECONDS = 120


class PageRefused(Exception):
    """The site answered a form with an error page."""


def answers(site: str) -> bool:
    """Whether a site gives its first page."""
    try:
        urllib.request.urlopen(f"{site}/", timeout=PAGE_SECONDS).close()  # noqa: S310 - our own address
    except OSError:  # refused, timed out, an error page
        return False
    return True


@dataclass
class Visitor:
    """One signed-in person."""

    site: str
    username: str
    password: str
    token: str = ""
    _cookies: CookieJar = field(default_factory=CookieJar)

    def __post_init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def open(self, path: str) -> str:
        with self._opener.open(self.site + path, timeout=PAGE_SECONDS) as answer:
            return str(answer.read().decode())

    def submit(self, path: str, **fields: str) -> str:
        """POST a form as a browser would, with the CSRF token from the cookie.

        Raises:
            PageRefused: the site answered with an error status.
        """
        fields["csrfmiddlewaretoken"] = self._cookie("csrftoken")
        request = urllib.request.Request(  # noqa: S310 - our own site's address
            self.site + path,
            data=urllib.parse.urlencode(fields).encode(),
            headers={"Referer": self.site + path},
        )
        try:
            with self._opener.open(request, timeout=PAGE_SECONDS) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise PageRefused(f"{path}: the site answered {error.code}") from error

    def log_in(self) -> None:
        self.open("/login/")
        self.submit("/login/", login=self.username, password=self.password)
        if not self._cookie("sessionid"):
            raise PageRefused(f"{self.site}/login/ did not accept {self.username} and the demo password")

    def make_token(self, name: str) -> None:
        """Create a personal token on the settings page; its clear text is on that page this once."""
        page = self.submit("/settings/tokens/create/", name=name, scope="git:push", days="30")
        found = CLEAR_TOKEN.search(page)
        if found is None:
            raise PageRefused("/settings/tokens/: the page shows no new token")
        self.token = found.group()

    def git(self, *arguments: str, folder: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run git as this person would; a credential helper answers with the token, no address carries it."""
        helper = '!f() { echo "username=$TOUCHSTONE_USER"; echo "password=$TOUCHSTONE_TOKEN"; }; f'
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "TOUCHSTONE_USER": self.username,
            "TOUCHSTONE_TOKEN": self.token,
        }
        identity = ["-c", f"user.name={self.username}", "-c", f"user.email={self.username}@demo.invalid"]
        return subprocess.run(
            ["git", "-c", f"credential.helper={helper}", *identity, *arguments],
            cwd=folder,
            env=environment,
            input=stdin.decode(),
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        )

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")
