from django.apps import AppConfig


class ClaimsConfig(AppConfig):
    name = "hub.claims"
