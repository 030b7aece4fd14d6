from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.repos.models import Push, Repository


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    list_display = ("task", "created_at")


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "ref", "old", "new")
    list_filter = ("repository",)
