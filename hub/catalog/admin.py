from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hub.audit.admin import ReadOnlyAdmin
from hub.catalog.actions import set_programme
from hub.catalog.models import Programme, Task, TaskRevision


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ("slug", "state", "kind", "level", "points", "policy", "slots", "programme")
    list_filter = ("state", "kind", "level", "sig", "programme")


@admin.register(TaskRevision)
class TaskRevisionAdmin(ReadOnlyAdmin):
    list_display = ("task", "digest", "created_at")
    exclude = ("files",)


class ProgrammeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A programme with the tasks that belong to it."""

    tasks = forms.ModelMultipleChoiceField(Task.objects.all(), required=False)

    class Meta:
        model = Programme
        fields = "__all__"
        help_texts = {
            "time_zone": _("in which its times are told to people, such as Asia/Shanghai"),
            "checks_a_day": _("of a contributor, on each task, in 24 hours"),
            "ranks_a_day": _("timings of a contributor, on each task and hardware class, in 24 hours"),
            "runs_in_total": _("checks and timings of a contributor, on all its tasks; empty: any number"),
            "live_at_once": _("of a contributor, waiting or running at one moment; empty: any number"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["tasks"] = self.instance.tasks.all()


@admin.register(Programme)
class ProgrammeAdmin(admin.ModelAdmin):
    """The one place where a programme is made; the write is an action's, and booked."""

    form = ProgrammeForm
    list_display = (
        "slug",
        "starts_at",
        "ends_at",
        "checks_a_day",
        "ranks_a_day",
        "runs_in_total",
        "live_at_once",
    )

    def save_model(self, request: HttpRequest, obj: Programme, form: Any, change: bool) -> None:
        set_programme(obj, form.cleaned_data["tasks"], request.user)  # type: ignore[arg-type]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what was counted under it would be counted otherwise from then on
