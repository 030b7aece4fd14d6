from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.community.models import Post


@admin.register(Post)
class PostAdmin(ReadOnlyAdmin):
    list_display = ("task", "author", "at", "hidden_at", "hidden_by")
    list_filter = ("hidden_at",)
