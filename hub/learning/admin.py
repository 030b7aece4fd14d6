from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.learning.models import Course, Lesson, Progress


@admin.register(Course)
class CourseAdmin(ReadOnlyAdmin):
    list_display = ("slug", "title_en", "title_zh", "position")


@admin.register(Lesson)
class LessonAdmin(ReadOnlyAdmin):
    list_display = ("course", "position", "slug", "minutes", "exercise", "target")
    list_filter = ("course",)


@admin.register(Progress)
class ProgressAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "lesson")
