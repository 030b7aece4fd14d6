from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.claims.models import Claim


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    list_display = ("task", "user", "state", "slot", "requested_at", "active_since", "ended_at")
    list_filter = ("state",)
