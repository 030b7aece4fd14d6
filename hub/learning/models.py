from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import get_language


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


class Course(models.Model):
    """A way to learn something, lesson by lesson. What it says comes from its folder."""

    slug = models.SlugField(max_length=63, unique=True)
    title_en = models.CharField(max_length=120)
    title_zh = models.CharField(max_length=120)
    summary_en = models.CharField(max_length=500)
    summary_zh = models.CharField(max_length=500)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position", "slug")

    def __str__(self) -> str:
        return self.slug

    @property
    def title(self) -> str:
        return self.title_zh if _chinese() else self.title_en

    @property
    def summary(self) -> str:
        return self.summary_zh if _chinese() else self.summary_en


class Lesson(models.Model):
    """A text and, where it has one, an exercise: a task that the judge grades."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="lessons")
    slug = models.SlugField(max_length=63)
    position = models.PositiveSmallIntegerField()  # from 1
    title_en = models.CharField(max_length=120)
    title_zh = models.CharField(max_length=120)
    text_en = models.TextField()
    text_zh = models.TextField()
    minutes = models.PositiveSmallIntegerField()  # that it takes
    exercise = models.OneToOneField("catalog.Task", models.PROTECT, null=True, related_name="lesson")
    target = models.FloatField(null=True)  # ratio that a timing must reach; null: a passed check is enough

    class Meta:
        ordering = ("course", "position")
        constraints = [models.UniqueConstraint(fields=("course", "slug"), name="lesson_once_in_a_course")]

    def __str__(self) -> str:
        return f"{self.course_id}/{self.slug}"

    @property
    def title(self) -> str:
        return self.title_zh if _chinese() else self.title_en

    @property
    def text(self) -> str:
        return self.text_zh if _chinese() else self.text_en


class Progress(models.Model):
    """Somebody has read a lesson that has no exercise. Exercises need no such row: their verdicts tell."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="progress")
    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="progress")
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=("user", "lesson"), name="progress_once_per_lesson")]
