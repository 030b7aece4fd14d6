from django.apps import AppConfig


class BenchConfig(AppConfig):
    name = "hub.bench"
