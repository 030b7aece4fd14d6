"""Who mentors and maintains what: seen, given and ended here."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from hub.catalog import roles
from hub.catalog.models import Appointment
from hub.web.acting import act, member_post

PLAIN = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class RoleForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("Username"), max_length=32, widget=forms.TextInput(attrs=PLAIN)
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Appointment.Role.choices)
    scope = forms.CharField(
        label=gettext_lazy("SIG or task"),
        max_length=63,
        help_text=gettext_lazy("The name in its address, such as “kernels” or “row-softmax”."),
        widget=forms.TextInput(attrs=PLAIN | {"list": "scopes"}),
    )


@login_required
@require_safe
def role_list(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not (user.is_maintainer or any(one.role == roles.Role.MAINTAINER for one in roles.held(user))):
        raise PermissionDenied(_("Only maintainers see and give roles."))
    shown = {"form": RoleForm(), "roles": roles.appointments(user), "scopes": roles.scopes(user)}
    return render(request, "roles/list.html", shown)


@member_post
def give(request: HttpRequest) -> HttpResponse:
    asked = {name: request.POST.get(name, "").strip() for name in ("username", "role", "scope")}

    def action() -> None:
        roles.appoint(request.user, **asked)

    return act(request, action, done=_("The role is given."), back=reverse("web:roles"))


@member_post
def end(request: HttpRequest, role_id: int) -> HttpResponse:
    appointment = get_object_or_404(Appointment, pk=role_id)

    def action() -> None:
        roles.dismiss(request.user, appointment)

    return act(request, action, done=_("The role is ended."), back=reverse("web:roles"))
