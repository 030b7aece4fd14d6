"""Evaluations of a programme that pays by stages: whose work there is, and the mentors' words on it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.catalog.models import Task
from hub.core.errors import BadInput, NotAllowed
from hub.programmes import queries, stages
from hub.programmes.models import Assessment
from hub.programmes.stages import Stage
from hub.programmes.standings import ledger
from hub.web.acting import act, member_post
from hub.web.errors import Sentence
from hub.web.programmes import programme_of

PARTS_A_PAGE = 20


@login_required
@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody's work on the tasks that the reader mentors, stage by stage."""
    programme = programme_of(slug)
    tasks = queries.mentored_in(queries.tasks_in(programme), request.user)
    if not tasks and not queries.may_organise(request.user):
        raise PermissionDenied(_("Only the mentors of a task and maintainers evaluate the work on it."))
    steps = stages.stages_of(programme.payout_stages)
    found = stages.parts(programme, ledger(programme), tasks) if steps else []
    page = Paginator(found, PARTS_A_PAGE).get_page(request.GET.get("page"))
    shown = {
        "programme": programme,
        "stages": steps,
        "page": page,
        "parts": [(part, words, _next(words)) for part in page if (words := part.words(steps))],
    }
    return render(request, "programmes/stages.html", shown)


def _next(words: Iterable[tuple[Stage, Assessment | None]]) -> int:
    """The place of the first stage that is not passed, which the form offers; 0 where all are."""
    return next((stage.place for stage, said in words if said is None or not said.passed), 0)


@member_post
def assess(request: HttpRequest, slug: str, task: str) -> HttpResponse:
    """`user`, `stage`, `passed` (1 or 0), a `note`, and of which `page` of the list the form is."""
    programme = programme_of(slug)
    about = get_object_or_404(Task, slug=task, programme=programme)
    sent = request.POST
    name = sent.get("user", "")

    def say() -> None:
        if (why := stages.why_not_assess_any(about, request.user)) is not None:
            raise NotAllowed(why)
        found = stages.parts(programme, ledger(programme), [about])
        part = next((part for part in found if part.user.username == name), None)
        if part is None:
            raise BadInput(_("%(name)s does not work on this task now.") % {"name": name or "–"})
        place = int(sent["stage"]) if sent.get("stage", "").isdecimal() and len(sent["stage"]) < 4 else 0
        stages.assess(programme, part, place, sent.get("passed") == "1", sent.get("note", ""), request.user)

    if not programme.payout_stages:
        raise Http404(Sentence(_("This programme does not pay by stages.")))
    done = _("It is kept, and %(name)s hears of it.") % {"name": name}
    back = f"{reverse('web:programme_stages', args=[slug])}?{urlencode({'page': sent.get('page', '')})}"
    return act(request, say, done=done, back=back)
