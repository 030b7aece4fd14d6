from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hub.core.ids import USERNAME


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

    def __str__(self) -> str:
        return self.username

    @property
    def shown_name(self) -> str:
        return self.display_name or self.username


class ApiToken(models.Model):
    """A personal token for git over HTTP. Shown once; only its digest is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)  # first characters, to tell tokens apart on the page
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
