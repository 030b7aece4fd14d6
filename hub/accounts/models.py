from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hub.core.ids import USERNAME

REJECTS = "touchstone-rejects"  # the account of the house that pushes examples that must not pass


class Part(models.TextChoices):
    """What a person may keep to themselves on their profile; boards and pull requests stay public."""

    POINTS = "points", _("points and their ledger")
    WORK = "work", _("the list of pull requests and claims")
    REVIEWS = "reviews", _("reviews given")
    LEARNING = "learning", _("courses and how far I am")


class User(AbstractUser):
    """A person. The username is also the namespace of their branches, so it is narrow and never changes."""

    username = models.CharField(
        _("username"),
        max_length=32,
        unique=True,
        validators=[
            RegexValidator(
                f"^{USERNAME.pattern}$",
                _("2 to 32 characters: small letters, digits and hyphens, beginning with a letter or digit."),
            )
        ],
    )
    display_name = models.CharField(_("name"), max_length=80, blank=True)
    bio = models.CharField(_("about me"), max_length=280, blank=True)
    is_mentor = models.BooleanField(_("mentor"), default=False)
    is_maintainer = models.BooleanField(_("maintainer"), default=False)
    is_operator = models.BooleanField(_("operator of workers"), default=False)
    is_house = models.BooleanField(_("house account"), default=False)  # pushes the tasks' examples; no points
    is_demo = models.BooleanField(_("demo account"), default=False)
    hidden = models.JSONField(default=list, blank=True)  # parts of the profile that only its owner sees
    # Of who left: branches and folders in git keep the old name, which no page shows and nobody takes again.
    git_name = models.CharField(max_length=32, blank=True, editable=False)
    left_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.username

    @property
    def shown_name(self) -> str:
        return self.display_name or self.username

    @property
    def keeps_rejects(self) -> bool:
        """The house account of examples that must not pass; only who looks after a task sees its work."""
        return self.is_house and self.username == REJECTS

    @property
    def branch_name(self) -> str:
        """What their branches and folders are called in git."""
        return self.git_name or self.username


class Scope(models.TextChoices):
    """What a token opens. Whoever may push may read; the JSON API is apart from git."""

    GIT_READ = "git:read", _("clone and fetch")
    GIT_PUSH = "git:push", _("clone, fetch and push")
    API = "api", _("read the JSON API")


def git_scopes() -> list[str]:
    return [Scope.GIT_READ, Scope.GIT_PUSH]


class ApiToken(models.Model):
    """A personal token for git over HTTP or the JSON API. Shown once; only its digest is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=git_scopes)
    hint = models.CharField(max_length=12)  # first characters, to tell tokens apart on the page
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    @property
    def allows(self) -> str:
        """The widest of its scopes, in words."""
        return str(Scope(self.scopes[-1]).label) if self.scopes else ""
