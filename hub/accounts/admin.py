from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from hub.accounts.models import User


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "display_name", "is_mentor", "is_maintainer", "is_active")
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        ("Touchstone", {"fields": ("display_name", "bio", "is_mentor", "is_maintainer", "is_operator")}),
    )
