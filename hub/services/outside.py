"""What the hub reaches outside itself, read from the environment: the mail server, other sites' log-ins.

Not in charge of sending a mail or of logging anybody in. Each mistake is a ValueError with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

CONSOLE = "django.core.mail.backends.console.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True)
class MailServer:
    backend: str = CONSOLE
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_server(url: str) -> MailServer:
    """`smtp://user:password@host:587` begins in clear text and demands STARTTLS; `smtps://` is TLS from the
    first byte; `smtp+plain://` is for a relay on the same machine. Without one mails go to the site's log."""
    if not url:
        return MailServer()
    ports = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(  # the value holds a password: it is not shown
            "EMAIL_URL is not understood: give smtp://user:password@host:587, smtps://… for TLS from the "
            "first byte, smtp+plain://… for a relay on this machine, or leave it unset: mails go to the log."
        )
    return MailServer(
        SMTP,
        parts.hostname,
        port or ports[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starttls=parts.scheme == "smtp",
        tls=parts.scheme == "smtps",
    )


# The kind of a provider, and where it is unless its _URL says otherwise.
PROVIDERS = {
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "gitea": "",
    "openid_connect": "",
}


@dataclass(frozen=True)
class Providers:
    """Sites whose log-in is accepted here: settings of each, and where the browser is sent to."""

    settings: dict[str, dict[str, Any]]
    origins: tuple[str, ...] = ()


def identity_providers(environment: Mapping[str, str]) -> Providers:
    """From `OAUTH_PROVIDERS=github,gitlab` with `OAUTH_GITHUB_ID`, `OAUTH_GITHUB_SECRET` and, for one's own
    server, `OAUTH_GITLAB_URL`. None unless asked for."""
    settings, origins = {}, []
    for name in filter(None, (part.strip() for part in environment.get("OAUTH_PROVIDERS", "").split(","))):
        if name not in PROVIDERS:
            raise ValueError(f"OAUTH_PROVIDERS names “{name}”: choose among {', '.join(PROVIDERS)}.")
        given = {
            key: environment.get(f"OAUTH_{name.upper()}_{key}", "") for key in ("ID", "SECRET", "URL", "NAME")
        }
        missing = [f"OAUTH_{name.upper()}_{key}" for key in ("ID", "SECRET") if not given[key]]
        url = (given["URL"] or PROVIDERS[name]).rstrip("/")
        parts = urlsplit(url)
        if not url:
            missing.append(f"OAUTH_{name.upper()}_URL")
        if missing:
            raise ValueError(f"OAUTH_PROVIDERS names “{name}”: set {' and '.join(missing)} too.")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"OAUTH_{name.upper()}_URL={url!r}: give scheme and host, as in https://git.example.org"
            )
        settings[name] = _provider(name, given, url)
        origins.append(f"{parts.scheme}://{parts.netloc}")
    return Providers(settings, tuple(origins))


def _provider(name: str, given: Mapping[str, str], url: str) -> dict[str, Any]:
    app: dict[str, Any] = {"client_id": given["ID"], "secret": given["SECRET"], "key": ""}
    if name == "openid_connect":
        app |= {"provider_id": "openid", "name": given["NAME"] or "OpenID", "settings": {"server_url": url}}
    elif name == "gitlab":
        app["settings"] = {"gitlab_url": url}
    elif name == "gitea":
        return {"APPS": [app], "GITEA_URL": url}
    return {"APPS": [app]}


def cache(redis_url: str) -> dict[str, Any]:
    """Where tries are counted: one process counts for itself; several, on a Redis of their own, share it."""
    if not redis_url:
        return memory("", 20_000)
    return {"BACKEND": "hub.core.limits.SharedCount", "LOCATION": redis_url, "KEY_PREFIX": "hub"}


def memory(name: str, most: int) -> dict[str, Any]:
    """A cache of so many entries in the memory of each process."""
    return {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": name,
        "OPTIONS": {"MAX_ENTRIES": most},
    }
