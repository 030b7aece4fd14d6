"""Publishing and revising tasks from a form: a zip file, or the files themselves in the browser.

Not in charge of what is right in a task nor of who publishes (`hub/publishing.py`). Nothing is kept between
requests: the files travel in the form until they are published, so nothing is lost by a mistake in one.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bench_runner.contract import Bundle
from hub import publishing
from hub.bench.examples import tried
from hub.catalog.archives import BYTES_MOST, FILES_MOST, ZIP_MOST, unpacked
from hub.catalog.models import Task
from hub.catalog.queries import files_of
from hub.core.errors import BadInput, Refusal
from hub.publishing import Problem
from hub.repos.collection import TASKS
from hub.repos.git import GitFailed
from hub.repos.queries import clone_url
from hub.web.acting import log, member_post
from tasks.spec import UnsafeName, check_names

OPENED = ("task.toml", "statement.en.md", "statement.zh.md")


@dataclass(frozen=True)
class Shown:
    """One file in the form."""

    name: str
    text: str
    problems: list[Problem]

    @property
    def is_open(self) -> bool:
        return bool(self.problems) or self.name == OPENED[0]


@login_required
@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    _require_publisher(request)
    tasks = Task.objects.select_related("current").order_by("slug")
    clone = f"git clone {clone_url(TASKS)} all-tasks"
    return render(request, "publishing/list.html", {"tasks": tasks, "clone": clone})


@login_required
@require_safe
def revise(request: HttpRequest, slug: str) -> HttpResponse:
    _require_publisher(request)
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    files = files_of(task.current) if task.current else {}
    return _form(request, slug, files, [], task.current.digest if task.current else "", task=task)


@member_post
def read(request: HttpRequest) -> HttpResponse:
    """Show what is in an uploaded zip file, with what is wrong in it. Nothing is published."""
    _require_publisher(request)
    sent = request.FILES.get("archive")
    try:
        if sent is None:
            raise BadInput(_("Choose a zip file of the task's folder."))
        folder, files = unpacked(sent.read(ZIP_MOST + 1))
    except BadInput as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("web:publish"))
    slug = request.POST.get("slug", "").strip() or folder
    task = Task.objects.select_related("current").filter(slug=slug).first()
    base = task.current.digest if task and task.current else ""
    return _form(request, slug, files, publishing.problems(slug, files), base, task=task)


@member_post
def publish(request: HttpRequest) -> HttpResponse:
    """Check the files of the form, and publish them if that is asked and nothing is wrong."""
    _require_publisher(request)
    slug, base = request.POST.get("slug", "").strip(), request.POST.get("base", "")
    files: Bundle = {}
    try:
        files = _sent_files(request)
        found = publishing.problems(slug, files)
        if not found and request.POST.get("do") == "publish":
            publishing.publish(slug, files, request.user, base)
            messages.success(request, _("It is published. The judge now tries its examples."))
            return HttpResponseRedirect(reverse("web:publish_revise", args=[slug]))
        if not found:
            messages.success(request, _("Nothing is wrong in these files. They are not published yet."))
    except Refusal as refusal:
        found = [Problem("", "", str(refusal))]
    except GitFailed:
        log.exception("%s: git failed", request.path)
        found = [Problem("", "", _("Our git repository failed; it is not your doing. Publish once more."))]
    return _form(request, slug, files, found, base)


def _form(
    request: HttpRequest, slug: str, files: Bundle, found: list[Problem], base: str, task: Task | None = None
) -> HttpResponse:
    order = sorted(files, key=lambda name: (name not in OPENED, name))
    rows = [
        Shown(name, files[name].decode("utf-8", "replace"), [one for one in found if one.file == name])
        for name in order
    ]
    shown = {
        "slug": slug,
        "base": base,
        "files": rows,
        "problems": found,
        "elsewhere": [one for one in found if one.file not in files],
        "task": task,
        "examples": tried(task) if task else [],
    }
    return render(request, "publishing/form.html", shown, status=422 if found else 200)


def _sent_files(request: HttpRequest) -> Bundle:
    """The files in the form: those whose name was emptied are left out.

    Raises:
        BadInput: names that are not taken, one of them twice, or too much.
    """
    names, texts = request.POST.getlist("name"), request.POST.getlist("text")
    pairs = [(name.strip(), text) for name, text in zip(names, texts, strict=False) if name.strip()]
    files = {name: text.replace("\r\n", "\n").encode("utf-8", "replace") for name, text in pairs}
    if len(files) < len(pairs):
        raise BadInput(_("Two files have the same name: rename one of them."))
    if len(files) > FILES_MOST or sum(map(len, files.values())) > BYTES_MOST:
        raise BadInput(_("That is more than a task may have."))
    try:
        check_names(files)
    except UnsafeName as unsafe:
        raise BadInput(str(unsafe)) from unsafe
    return files


def _require_publisher(request: HttpRequest) -> None:
    if why := publishing.why_not_publish(request.user):
        raise PermissionDenied(why)
