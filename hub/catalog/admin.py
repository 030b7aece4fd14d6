from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.catalog.models import Programme, Task, TaskRevision


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ("slug", "state", "kind", "level", "points", "policy", "slots", "programme")
    list_filter = ("state", "kind", "level", "sig", "programme")


@admin.register(TaskRevision)
class TaskRevisionAdmin(ReadOnlyAdmin):
    list_display = ("task", "digest", "created_at")
    exclude = ("files",)


@admin.register(Programme)
class ProgrammeAdmin(ReadOnlyAdmin):
    """Programmes are made and changed by a form of the site."""

    list_display = ("slug", "kind", "starts_at", "ends_at", "checks_a_day", "ranks_a_day")
    list_filter = ("kind",)
