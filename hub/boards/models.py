"""Standings as they were computed last: derived from verdicts, written by `stored.refresh` alone."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Standing(models.Model):
    """One artefact on one board, with the run that it shows. `rebuild_boards` gives the same rows again."""

    revision = models.ForeignKey("catalog.TaskRevision", models.CASCADE, related_name="standings")
    hardware_class = models.CharField(max_length=40)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="standings")
    verdict = models.ForeignKey("bench.Verdict", models.CASCADE, related_name="+")
    place = models.PositiveIntegerField(null=True)  # among the entries, from 1; null: not the author's best
    rank = models.PositiveIntegerField(null=True)  # 1, and one more for each entry that is certainly quicker
    tied = models.BooleanField(default=False)
    ratio = models.FloatField()
    confirmed = models.BooleanField()
    disputed = models.BooleanField()
    runs = models.PositiveIntegerField()
    size = models.FloatField(null=True)  # figures of its runs, as the contract tells them; null: not measured
    memory = models.FloatField(null=True)
    accuracy = models.FloatField(null=True)
    first_at = models.DateTimeField()  # when the artefact was timed first
    is_record = models.BooleanField()

    class Meta:
        indexes = [
            models.Index(fields=("revision", "hardware_class", "-first_at"), name="standing_by_time"),
            models.Index(fields=("-first_at",), name="standing_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("revision", "hardware_class", "place"), name="standing_one_per_place"
            ),
        ]
