from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.programmes.models import Announcement, Application, Assessment, Team


@admin.register(Application)
class ApplicationAdmin(ReadOnlyAdmin):
    list_display = ("programme", "user", "state", "task", "at", "decided_at")
    list_filter = ("state", "programme")


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    list_display = ("programme", "name", "at")
    exclude = ("code",)


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    list_display = ("programme", "title", "author", "at", "withdrawn_at")


@admin.register(Assessment)
class AssessmentAdmin(ReadOnlyAdmin):
    list_display = ("programme", "task", "user", "stage", "passed", "by", "at")
