"""Certificates: the page for everybody, the files that verify it, the PDF; asking for one, revoking one.

Who knows a certificate's number may see it: its holder gives it away. There is no list of all.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub import honours
from hub.rewards import certificates, signing
from hub.rewards.models import Certificate
from hub.rewards.paper import as_pdf, commands
from hub.web.acting import act, member_post


@require_safe
def page(request: HttpRequest, number: str) -> HttpResponse:
    found = _certificate(number)
    statement = json.loads(found.statement)
    shown = {
        "certificate": found,
        "statement": statement,
        "genuine": signing.is_genuine(found.statement, found.signature),
        "commands": commands(statement["verify"], statement["issuer"], number),
        "may_revoke": request.user.is_authenticated and request.user.is_maintainer,
    }
    return render(request, "people/certificate.html", shown)


@require_safe
def statement(request: HttpRequest, number: str) -> HttpResponse:
    """The very bytes that were signed."""
    return _file(_certificate(number).statement.encode(), "application/json", f"{number}.json")


@require_safe
def signature(request: HttpRequest, number: str) -> HttpResponse:
    raw = base64.b64decode(_certificate(number).signature)
    return _file(raw, "application/octet-stream", f"{number}.sig")


@require_safe
def pdf(request: HttpRequest, number: str) -> HttpResponse:
    return _file(as_pdf(_certificate(number)), "application/pdf", f"{number}.pdf")


@require_safe
def public_key(request: HttpRequest) -> HttpResponse:
    return _file(signing.public_pem(), "application/x-pem-file", "key.pem")


@member_post
def issue(request: HttpRequest) -> HttpResponse:
    """About what the person has done; the page of the new certificate follows."""
    made: list[Certificate] = []
    back = reverse("web:person", args=[request.user.username])
    answer = act(
        request,
        lambda: made.append(honours.certify(request.user, request.POST.get("subject", ""))),
        done=_("Your certificate is signed."),
        back=back,
    )
    return HttpResponseRedirect(reverse("web:certificate", args=[made[0].number])) if made else answer


@member_post
def revoke(request: HttpRequest, number: str) -> HttpResponse:
    found = _certificate(number)
    return act(
        request,
        lambda: certificates.revoke(found, request.user, request.POST.get("why", "")),
        done=_("The certificate is revoked."),
        back=reverse("web:certificate", args=[number]),
    )


def _certificate(number: str) -> Certificate:
    return get_object_or_404(Certificate.objects.select_related("user", "revoked_by"), number=number)


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers: dict[str, Any] = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)
