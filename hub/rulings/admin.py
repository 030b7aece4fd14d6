from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.rulings.models import Rejudge, Ruling


@admin.register(Ruling)
class RulingAdmin(ReadOnlyAdmin):
    list_display = ("at", "verdict", "kind", "by", "reason")
    list_filter = ("kind",)


@admin.register(Rejudge)
class RejudgeAdmin(ReadOnlyAdmin):
    list_display = ("at", "scope", "task", "state", "by", "decided_by", "decided_at")
    list_filter = ("state", "scope")
