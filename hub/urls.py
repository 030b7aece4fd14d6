"""Where each path goes. Pages live in `hub/web`, JSON for workers in `hub/api`."""

from allauth.urls import build_provider_urlpatterns
from django.contrib import admin
from django.urls import include, path

from hub.web.preferences import set_language

urlpatterns = [
    path("", include("hub.web.urls")),
    path("", include("allauth.account.urls")),  # /login/, /signup/, /logout/, /email/, /password/…
    path("2fa/", include("allauth.mfa.urls")),
    path("3rdparty/", include("allauth.socialaccount.urls")),
    *build_provider_urlpatterns(),
    path("api/", include("hub.api.urls")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "hub.web.errors.bad_request"
handler403 = "hub.web.errors.forbidden"
handler404 = "hub.web.errors.not_found"
handler500 = "hub.web.errors.broken"
