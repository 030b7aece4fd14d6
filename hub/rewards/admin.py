from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.rewards.models import Award, Certificate, Reward


@admin.register(Reward)
class RewardAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "kind", "points", "pull", "dedupe_key")


@admin.register(Award)
class AwardAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "badge")
    list_filter = ("badge",)


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ("number", "user", "subject", "issued_at", "revoked_at")
