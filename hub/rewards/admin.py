from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.rewards.models import Reward


@admin.register(Reward)
class RewardAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "kind", "points", "pull", "dedupe_key")
