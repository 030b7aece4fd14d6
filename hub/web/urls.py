"""Every page's path. One line a page; the views stand in the module named after the page's subject."""

from django.urls import URLPattern, path

from hub.web import preferences

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("settings/theme/", preferences.set_theme, name="set_theme"),
]
