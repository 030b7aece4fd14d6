from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.notify.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("made_at", "channel", "kind", "state", "tries", "status", "fault")
    list_filter = ("channel", "state")
    exclude = ("payload",)
