from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.catalog.models import Task, TaskRevision


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ("slug", "state", "kind", "level", "points", "policy", "slots")
    list_filter = ("state", "kind", "level", "sig")


@admin.register(TaskRevision)
class TaskRevisionAdmin(ReadOnlyAdmin):
    list_display = ("task", "digest", "created_at")
    exclude = ("files",)
