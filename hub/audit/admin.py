from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hub.audit.models import Event


class ReadOnlyAdmin(admin.ModelAdmin):
    """For rows that only the actions write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "verb", "subject_type", "subject_id")
    list_filter = ("verb",)
