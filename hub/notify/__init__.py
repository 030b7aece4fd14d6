"""What people are told, by which channel: in the site, by e-mail, by webhook.

Not in charge of who hears of what (`hub/telling.py`).

To announce something, in the transaction that publishes it:

    from hub.notify.actions import announce

    announce(
        people,                                    # a QuerySet of User, or any iterable of them
        key=f"programme:{announcement.pk}",        # whoever was told under this key is not told again
        title={"en": "…", "zh": "…"},              # or a str, where there is one language
        text={"en": "…", "zh": "…"},               # optional; the list shows its beginning
        path=f"/programmes/{programme.slug}/",     # of this site: where it can be read
    )

It writes rows and sends nothing: mails and webhooks go out with the next sweep, and only by those channels
that a person has left on for announcements. Call it as often as you like: for people who join later, too.
"""
