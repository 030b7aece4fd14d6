"""The git door: clone, fetch and push over smart HTTP, as an ASGI application in front of Django.

Not in charge of what a push may contain (`hooks/pre_receive.py`), of who may push what (`access.py`), nor of
what follows from a push: that is the function given as `on_push`.

Theory of operation
-------------------
Django would spool a whole pack before the first byte is looked at, so the server hands these paths here.

1. A whitelist of three paths per repository; all else is 404. Refusals are plain text: git prints the text of
   an error as `remote:` lines, but only for `info/refs`, the first request of every push. So who you are and
   whether the task exists is settled there; everything else is said by the hook.
2. Reading is anonymous. Pushing needs a personal token.
3. `git http-backend` speaks the protocol (`backend.py`). At most BACKENDS run at once, within limits of time
   and memory.
4. The configuration of a request (limits, hidden refs, the hook) is made here and handed over in the
   environment, where nothing that is pushed can touch it. Without an executable hook the door stays closed.
5. After a push, `on_push` runs before the answer ends: when `git push` returns, its pull request exists.
   It also runs when the client has left meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections

from hub.accounts.models import Scope, User
from hub.core.ids import SLUG
from hub.core.limits import Limit
from hub.repos import collection, git, queries
from hub.repos.access import Policy, PolicyTooLong, Unidentified, hidden_refs, identify
from hub.repos.answers import explained
from hub.repos.backend import ClientLeft, Message, NoAnswer, Receive, Send, complaint, converse, end
from hub.repos.hooks import words
from hub.repos.models import Repository
from hub.repos.process import start_backend

T = TypeVar("T")

BACKENDS = 16
KEPT_FOR_PUSHES = 4  # of these: whoever reads slowly, and need not say who they are, must not close the door
BACKEND_SECONDS = 120
QUEUE_SECONDS = 60  # a request waits so long for one of the BACKENDS
LEAVE_SECONDS = 5  # a push whose client has left may end by itself within these
UNPACKED_MOST = 100  # objects of a push that are kept one by one; a larger push stays a pack
WRONG_TOKENS = Limit("wrong_tokens", most=30, seconds=300)  # of one address; git asks twice for each
HOOKS = Path(__file__).with_name("hooks")
TASK_HOOKS = Path(__file__).with_name("task_hooks")
ASK = ((b"www-authenticate", b'Basic realm="Touchstone"'),)

READ, WRITE = "git-upload-pack", "git-receive-pack"
PATH = re.compile(rf"/git/({SLUG.pattern})\.git/(info/refs|{READ}|{WRITE})")
PROTOCOL = re.compile(r"[a-z0-9=:]{1,60}")

log = logging.getLogger(__name__)


class Turned(Exception):
    """The request is answered with a short text."""

    def __init__(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


@dataclass(frozen=True)
class Request:
    """What git asks for."""

    slug: str
    path: str  # below the repository
    service: str  # READ or WRITE
    method: str
    headers: dict[str, str]
    client: str = ""  # the address that it comes from

    @property
    def is_push(self) -> bool:
        return self.method == "POST" and self.service == WRITE


@dataclass(frozen=True)
class Admitted:
    """A request that git may answer, with the configuration and environment it gets."""

    request: Request
    repository: Repository | None  # None: the repository of all tasks
    config: list[tuple[str, str]]
    environment: dict[str, str] = field(default_factory=dict)
    user: User | None = None


@dataclass(frozen=True)
class AllTasks:
    """What is asked about the repository of all tasks; the functions may use the database."""

    why_not: Callable[[User], str | None]  # why this person may neither read it nor push to it
    mirror: Callable[[], object]  # brings it to what is published
    on_push: Callable[[User], object]  # called after each push, whatever it moved


def _nobody_hides(_: Repository) -> bool:
    return False


class Door:
    """The ASGI application.

    Args:
        policy_of: what a person may push to a repository now.
        on_push: called after each push, whatever it moved; must be safe to call again.
        hides_branches: whether others' branches of a repository are hidden now (a running contest).
        places: how many conversations with git run at once; more wait.

    The functions run in a thread and may use the database.
    """

    def __init__(
        self,
        policy_of: Callable[[Repository, User], Policy],
        on_push: Callable[[Repository], object],
        hides_branches: Callable[[Repository], bool] = _nobody_hides,
        places: int = BACKENDS,
        all_tasks: AllTasks | None = None,
    ) -> None:
        self._all_tasks = all_tasks
        self._policy_of, self._on_push, self._hides_branches = policy_of, on_push, hides_branches
        self._places = asyncio.Semaphore(places)
        self._readers = asyncio.Semaphore(max(1, places - KEPT_FOR_PUSHES))
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="git-door")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            admitted = await self._in_thread(self._admit, _request(scope))
            async with AsyncExitStack() as held:
                if admitted.request.service == READ:
                    await held.enter_async_context(_place_of(self._readers))
                await held.enter_async_context(_place_of(self._places))
                await self._serve(admitted, receive, send)
        except Turned as turned:
            await _answer(send, turned)

    def _admit(self, request: Request) -> Admitted:
        """Who asks, and for what: everything that needs the database."""
        if self._all_tasks is not None and request.slug == collection.TASKS:
            return self._admit_to_all(request, self._all_tasks)
        repository = queries.repository_of(request.slug)
        if repository is None or not git.exists(request.slug):
            raise Turned(
                404, f"There is no task “{request.slug}” here. All tasks: {settings.SITE_URL}/tasks/"
            )
        user = person_of(request)
        hidden = not request.is_push and self._hides_branches(repository)  # a push lists no branches
        config = hidden_refs(hidden, user.username if user is not None else None)
        environment = _cgi(request, user, plain=hidden)
        if request.is_push and user is not None:
            config += _push_config()
            environment["TOUCHSTONE_PYTHON"] = sys.executable
            environment["TOUCHSTONE_POLICY"] = self._policy(repository, user)
        return Admitted(request, repository, config, environment)

    def _admit_to_all(self, request: Request, all_tasks: AllTasks) -> Admitted:
        """Oracles and hidden examples are in it: those who publish tasks read it, nobody else."""
        if not request.headers.get("authorization"):
            raise Turned(401, "Log in with a token of a maintainer.", *ASK)
        user = person_of(request)
        if user is None or (why := all_tasks.why_not(user)):
            raise Turned(403, why if user is not None and why else "Only maintainers publish tasks.")
        if request.path == "info/refs":
            all_tasks.mirror()
        environment, config = _cgi(request, user, plain=False), hidden_refs(False, None)
        if request.is_push:
            _require_hook(TASK_HOOKS)
            config += [*_push_config(TASK_HOOKS), ("receive.denyNonFastForwards", "true")]
            environment["TOUCHSTONE_PYTHON"] = sys.executable
            environment["TOUCHSTONE_SITE"] = settings.SITE_URL
            environment["TOUCHSTONE_KNOWN"] = str(collection.known_path())
        return Admitted(request, None, config, environment, user)

    def _policy(self, repository: Repository, user: User) -> str:
        _require_hook(HOOKS)
        try:
            return self._policy_of(repository, user).to_json()
        except PolicyTooLong as error:
            raise Turned(403, str(error)) from error

    async def _serve(self, admitted: Admitted, receive: Receive, send: Send) -> None:
        request = admitted.request
        process = await start_backend(git.path_of(request.slug), admitted.environment, admitted.config)
        complaining = asyncio.create_task(complaint(process.stderr))
        if request.is_push:
            send = explained(send, words.not_unpacked(settings.GIT_MAX_PACK_BYTES).lines)
        grace: float = LEAVE_SECONDS
        try:
            async with asyncio.timeout(BACKEND_SECONDS):
                await converse(process, receive, send)
        except ClientLeft:
            log.info("%s: the client left during %s", request.slug, request.service)
            grace = LEAVE_SECONDS if request.is_push else 0
            return
        except NoAnswer as error:
            raise Turned(
                500, "git failed on our side; it is not your fault. Try again in a minute."
            ) from error
        except TimeoutError:
            log.warning("%s: %s took over %s s", request.slug, request.service, BACKEND_SECONDS)
            return  # the answer stays incomplete, by which the client sees that it failed
        finally:
            await end(process, grace)
            said = await complaining
            if process.returncode or said:
                log.info("%s: %s ended with %s: %r", request.slug, request.service, process.returncode, said)
            if request.is_push:
                await self._absorb(admitted)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _absorb(self, admitted: Admitted) -> None:
        try:
            if admitted.repository is not None:
                await self._in_thread(self._on_push, admitted.repository)
            elif self._all_tasks is not None and admitted.user is not None:
                await self._in_thread(self._all_tasks.on_push, admitted.user)
        except Exception:  # the push is done and safe in git; the sweeper absorbs it later
            log.exception("A push to %s could not be absorbed", admitted.request.slug)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        def call() -> T:
            try:
                return function(*arguments)
            finally:
                connections.close_all()  # this thread's own; the next request may come on another

        return await sync_to_async(call, thread_sensitive=False, executor=self._threads)()


@asynccontextmanager
async def _place_of(places: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            await places.acquire()
    except TimeoutError as error:
        raise Turned(503, "The git door is busy. Try again in a minute.", (b"retry-after", b"60")) from error
    try:
        yield
    finally:
        places.release()


def _request(scope: Message) -> Request:
    """The request, if it is one of the few that smart HTTP knows."""
    found = PATH.fullmatch(scope["path"])
    wanted = {f"service={service}".encode(): service for service in (READ, WRITE)}
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    client = str((scope.get("client") or ("",))[0])
    if found is not None:
        slug, path = found.groups()
        if path == "info/refs" and scope["method"] == "GET" and scope["query_string"] in wanted:
            return Request(slug, path, wanted[scope["query_string"]], "GET", headers, client)
        if path != "info/refs" and scope["method"] == "POST":
            return Request(slug, path, path, "POST", headers, client)
    raise Turned(
        404,
        f"Only git finds something here: git clone {settings.SITE_URL}/git/<task>.git (smart HTTP). "
        f"All tasks: {settings.SITE_URL}/tasks/",
    )


def person_of(request: Request) -> User | None:
    """Who asks; nobody needs to say so for reading, but what is said must be true."""
    authorization = request.headers.get("authorization", "")
    try:
        if authorization or request.service == WRITE:
            if WRONG_TOKENS.spent(request.client):
                raise Turned(429, "Too many wrong tokens came from your address. Try again in five minutes.")
            return identify(authorization, Scope.GIT_PUSH if request.service == WRITE else Scope.GIT_READ)
    except Unidentified as error:
        if authorization:
            WRONG_TOKENS.spend(request.client)
        raise Turned(401, str(error), (b"www-authenticate", b'Basic realm="Touchstone"')) from error
    return None


def _cgi(request: Request, user: User | None, plain: bool) -> dict[str, str]:
    """The CGI variables of http-backend.

    `plain` keeps to protocol 0: version 2 would give out any object whose id is known, hidden branch or not.
    """
    headers = request.headers
    variables = {
        "PATH_INFO": f"/{request.slug}.git/{request.path}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": f"service={request.service}" if request.method == "GET" else "",
        "CONTENT_TYPE": headers.get("content-type", ""),
    }
    if headers.get("content-length", "").isdecimal():
        variables["CONTENT_LENGTH"] = headers["content-length"]
    if headers.get("content-encoding") in ("gzip", "x-gzip"):
        variables["HTTP_CONTENT_ENCODING"] = "gzip"
    if PROTOCOL.fullmatch(headers.get("git-protocol", "")) and not plain:
        variables["GIT_PROTOCOL"] = headers["git-protocol"]
    if user is not None:
        variables["REMOTE_USER"] = user.username
    return variables


def _require_hook(folder: Path) -> None:
    if not os.access(folder / "pre-receive", os.X_OK):
        log.error("Pushes are refused: %s is not executable. Cure: chmod +x", folder / "pre-receive")
        raise Turned(503, "Pushes are closed: the check of pushes cannot run. Tell the maintainers.")


def _push_config(hooks: Path = HOOKS) -> list[tuple[str, str]]:
    return [
        ("core.hooksPath", str(hooks)),
        ("receive.maxInputSize", str(settings.GIT_MAX_PACK_BYTES)),
        ("receive.fsckObjects", "true"),
        ("receive.denyDeletes", "true"),
        ("receive.unpackLimit", str(UNPACKED_MOST)),
        ("receive.autogc", "false"),
        ("receive.advertisePushOptions", "false"),
    ]


async def _answer(send: Send, turned: Turned) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *turned.headers,
    ]
    await send({"type": "http.response.start", "status": turned.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{turned.text}\n".encode()})
