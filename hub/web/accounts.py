"""The forms of log-in and sign-up; the page of one's own account."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth
from allauth.socialaccount import forms as social
from django import forms
from django.utils.translation import gettext_lazy as _

PLAIN = {"autocapitalize": "none", "spellcheck": "false"}


def _without_placeholders(form: forms.Form) -> None:
    """A label stands above each field; a second one inside it goes away as soon as one types."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class LogInForm(allauth.LoginForm):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        _without_placeholders(self)
        self.fields["login"].label = _("Username or e-mail")
        self.fields["login"].widget.attrs |= PLAIN | {"autocomplete": "username"}


class Newcomer(forms.Form):
    """What both ways of signing up have in common beside allauth's fields."""

    display_name = forms.CharField(
        label=_("Name (optional)"),
        max_length=80,
        required=False,
        help_text=_("Shown beside your work; any script."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        _without_placeholders(self)
        self.order_fields(["username", "display_name", "email", "password1"])
        self.fields["username"].help_text = _(
            "2 to 32 small letters, digits and hyphens. It begins your branches, so it never changes."
        )
        self.fields["username"].widget.attrs |= PLAIN
        self.fields["email"].help_text = _(
            "For a forgotten password and for news that you ask for; never shown."
        )


class SignUpForm(Newcomer, allauth.SignupForm):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["password1"].help_text = _("At least 8 characters, not only digits and not a common one.")


class SocialSignUpForm(Newcomer, social.SignupForm):
    """After a log-in at another site: the username is still one's own to choose, since it never changes."""
