from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.bench.models import Attempt, Job, Verdict, Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "hardware_class", "sandboxed", "last_seen_at", "retired_at")
    exclude = ("token_digest",)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "hardware_class", "state", "patch_set", "queued_at", "ended_at")
    list_filter = ("state", "kind", "hardware_class")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("job", "number", "worker", "state", "started_at", "heard_at", "ended_at", "fault")
    list_filter = ("state", "worker")
    exclude = ("token_digest",)


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyAdmin):
    list_display = ("job", "outcome", "reason", "ratio", "speed", "ranked", "at")
    list_filter = ("outcome", "ranked")
