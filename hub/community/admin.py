from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.community.models import Announcement, Event, Post, Sig


@admin.register(Post)
class PostAdmin(ReadOnlyAdmin):
    list_display = ("task", "author", "at", "hidden_at", "hidden_by")
    list_filter = ("hidden_at",)


@admin.register(Sig)
class SigAdmin(ReadOnlyAdmin):
    list_display = ("slug", "title_en", "title_zh", "created_at")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("title", "sig", "starts_at", "capacity", "cancelled_at")
    list_filter = ("sig",)


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    list_display = ("title", "sig", "author", "at", "withdrawn_at")
    list_filter = ("sig",)
