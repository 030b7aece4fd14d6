from __future__ import annotations

from django.contrib import admin

from hub.audit.admin import ReadOnlyAdmin
from hub.pulls.models import Comment, MergeAttempt, PatchSet, PullRequest, Review


@admin.register(PullRequest)
class PullRequestAdmin(ReadOnlyAdmin):
    list_display = ("id", "task", "author", "topic", "state", "opened_at", "ended_at")
    list_filter = ("state", "task")


@admin.register(PatchSet)
class PatchSetAdmin(ReadOnlyAdmin):
    list_display = ("pull", "number", "head_sha", "subject", "pushed_at")


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("patch_set", "reviewer", "kind", "at")
    list_filter = ("kind",)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ("patch_set", "author", "path", "line", "at")


@admin.register(MergeAttempt)
class MergeAttemptAdmin(ReadOnlyAdmin):
    list_display = ("patch_set", "by", "state", "main_sha", "merge_sha", "at", "ended_at")
    list_filter = ("state",)
