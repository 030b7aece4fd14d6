"""Every setting of the site, read from the environment in this one place and checked at start.

Not in charge of what a worker reads (`bench_runner/config.py`). The README lists the variables.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from bench_runner.contract import JOB_TIME_LIMIT
from hub.services import embedded_redis, outside, programs

BASE_DIR = Path(__file__).resolve().parent.parent
ANSWERS_WITHIN = 5  # seconds, else the database is said not to answer


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "1" if default else "0").strip().lower()
    if value not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name}={value!r}: give 1 or 0.")
    return value in {"1", "true", "yes"}


def _own_folder(folder: Path) -> Path:
    """One that nobody else on this machine looks into, made if it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR={os.environ.get('DATA_DIR', '')!r} cannot hold the hub's data ({error.strerror}): "
            "give another folder."
        ) from error
    return folder


def _secret_key(folder: Path) -> str:
    """The configured key, or one made on first start and kept for later starts."""
    given = os.environ.get("SECRET_KEY", "")
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured(
                f"SECRET_KEY has {len(given)} characters: give at least 32 random ones."
            )
        return given
    path = _own_folder(folder) / "secret_key"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass  # another process was first, or an earlier start
    return path.read_text()


def _own_file(path: str) -> None:
    """Make it as nobody else may read it, if it is missing: SQLite's would be for everybody."""
    with suppress(OSError):  # what is wrong with the path, SQLite says
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _database(data_dir: Path) -> dict[str, object]:
    url = os.environ.get("DATABASE_URL", "")
    if not url or url.startswith("sqlite"):
        name = dj_database_url.parse(url)["NAME"] if url else str(data_dir / "db.sqlite3")
        if name != ":memory:":
            _own_file(name)
        # IMMEDIATE takes the write lock at BEGIN: deferred read-modify-write ends in "database is locked".
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                    "PRAGMA busy_timeout=20000;PRAGMA cache_size=-20000;"
                ),
            },
        }
    try:
        found = dj_database_url.parse(url)
    except (ValueError, dj_database_url.UnknownSchemeError):
        found = {}
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(  # the value holds a password: it is not shown
            "DATABASE_URL is not understood: give postgres://user:password@host/name "
            "or leave it unset for SQLite."
        )
    # Persistent connections misbehave under ASGI; the pool is what works there.
    # Compiling a query or sharing it among processes pays for itself in reports over whole tables, and takes
    # longer than a page may.
    # Of what `hub/core/plans.py` asks the server keeps one plan, made when it is first asked.
    server = "-c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_generic_plan"
    own = {"options": server, "prepare_threshold": 0, "connect_timeout": ANSWERS_WITHIN}
    options = {**own, **found.get("OPTIONS", {}), "pool": {"timeout": ANSWERS_WITHIN}}
    return {**found, "CONN_MAX_AGE": 0, "OPTIONS": options}


def _site_url() -> str:
    url = os.environ.get("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise ImproperlyConfigured(f"SITE_URL={url!r}: give scheme and host, such as https://hub.example.org")
    return url


def _redis_url() -> str:
    """The one that was given; empty where the hub is to start its own."""
    url = os.environ.get("REDIS_URL", "")
    if url and urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(  # the value holds a password: it is not shown
            "REDIS_URL is not understood: give redis://:password@host:6379/0, rediss://… or "
            "unix:///path/sock, or leave it unset: make up starts a server."
        )
    return url


def _tasks_dir() -> Path:
    folder = Path(os.environ.get("TASKS_DIR") or BASE_DIR / "tasks").resolve()
    if not folder.is_dir():
        raise ImproperlyConfigured(f"TASKS_DIR={str(folder)!r} is no folder: give the one with the tasks.")
    return folder


def _trusted_proxies() -> int:
    given = os.environ.get("TRUSTED_PROXIES") or "0"
    if not given.isdecimal():
        raise ImproperlyConfigured(f"TRUSTED_PROXIES={given!r}: give the number of your own proxies.")
    return int(given)


def _log_format() -> str:
    name = os.environ.get("LOG_FORMAT", "") or "line"
    if name not in {"line", "json"}:
        raise ImproperlyConfigured(f"LOG_FORMAT={name!r}: give line (for people) or json (for collectors).")
    return name


DATA_DIR = _own_folder(Path(os.environ.get("DATA_DIR", BASE_DIR / "var")).resolve())
GIT_ROOT = DATA_DIR / "git"
TASKS_DIR = _tasks_dir()
DEBUG = _flag("DEBUG", False)
WEBHOOK_PRIVATE = _flag("WEBHOOK_PRIVATE", False)  # whether webhooks may lead into our own network
DEMO = _flag("DEMO", False)
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")  # unset: /metrics is for this machine alone
SITE_URL = _site_url()
SECRET_KEY = _secret_key(DATA_DIR / "secrets")
ALLOWED_HOSTS = [h for h in os.environ.get("ALLOWED_HOSTS", "").split(",") if h] or [
    urlsplit(SITE_URL).hostname or "",
    "127.0.0.1",
    "localhost",
]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_URL.startswith("https://")
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SITE_URL.startswith("https://") else 0
REDIS_URL = _redis_url() or embedded_redis.url(DATA_DIR)
CACHES = {"default": outside.cache(_redis_url())}
KEEP_COPIES = True  # of what is the same for many readers: hub/web/kept.py
try:
    MAIL = outside.mail_server(os.environ.get("EMAIL_URL", ""))
    PROVIDERS = outside.identity_providers(os.environ)
    programs.site_processes(os.environ)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
EMAIL_BACKEND, EMAIL_TIMEOUT = MAIL.backend, 10
EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.host, MAIL.port, MAIL.starttls, MAIL.tls
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM") or f"Touchstone <touchstone@{urlsplit(SITE_URL).hostname}>"
SERVER_EMAIL = DEFAULT_FROM_EMAIL

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    *(f"allauth.socialaccount.providers.{name}" for name in PROVIDERS.settings),
    "hub",  # management commands
    "hub.accounts",
    "hub.audit",
    "hub.catalog",
    "hub.repos",
    "hub.claims",
    "hub.pulls",
    "hub.bench",
    "hub.rulings",
    "hub.boards",
    "hub.rewards",
    "hub.notify",
    "hub.learning",
    "hub.community",
    "hub.programmes",
    "hub.web",
]

MIDDLEWARE = [
    "hub.web.tracing.Tracing",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hub.web.security.ContentSecurityPolicy",  # above all that may answer by itself
    "hub.web.static.StaticFiles",
    "hub.web.kept.Acting",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "hub.web.entrance.AccountPages",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "hub.urls"
ASGI_APPLICATION = "hub.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.web.context.site",
            ],
            "builtins": ["hub.web.templatetags.addresses"],
        },
    }
]

DATABASES = {"default": _database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
SESSION_ENGINE = "hub.accounts.sessions"
AUTHENTICATION_BACKENDS = ["hub.accounts.backend.OpenAccounts"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:home"
LOGOUT_REDIRECT_URL = "web:home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Accounts (django-allauth). Without a mail server nobody could confirm an address, so nobody must.
_MAILS = MAIL.backend == outside.SMTP
ACCOUNT_ADAPTER = "hub.web.entrance.Entrance"
ACCOUNT_FORMS = {"login": "hub.web.accounts.LogInForm", "signup": "hub.web.accounts.SignUpForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*" if _MAILS else "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if _MAILS else "optional"
ACCOUNT_PREVENT_ENUMERATION = True if _MAILS else "strict"  # nobody learns whose address is known here
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or second factor is told by mail
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Touchstone] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(SITE_URL).scheme
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # a browser left open changes no password
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "signup": "10/h/ip",
    "reset_password": "10/h/ip,3/h/key",
    "reset_password_from_key": "10/h/ip",
}
# So many of our own proxies stand before the site; with none X-Forwarded-For is not believed.
ALLAUTH_TRUSTED_PROXY_COUNT = _trusted_proxies()
MFA_ADAPTER = "hub.web.entrance.SecondFactor"
MFA_ALLOW_UNVERIFIED_EMAIL = not _MAILS
MFA_TOTP_ISSUER = "Touchstone"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s that clocks may be apart
SOCIALACCOUNT_ADAPTER = "hub.web.elsewhere.Elsewhere"
SOCIALACCOUNT_AUTO_SIGNUP = False  # a username never changes: it is chosen, not derived
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # another site's word about an address opens no account here
SOCIALACCOUNT_FORMS = {"signup": "hub.web.accounts.SocialSignUpForm"}
SOCIALACCOUNT_PROVIDERS = PROVIDERS.settings

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "hub.core.trace.Lines"}, "json": {"()": "hub.core.trace.Json"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": _log_format()}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # Django's own default mails errors to nobody and prints none of them.
    "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("plotly", Path(str(find_spec("plotly").origin)).parent / "package_data"),  # type: ignore[union-attr]
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "hub.web.static.VersionedFiles"},
}
WHITENOISE_USE_FINDERS = True  # served from the packages; no collectstatic step to forget
WHITENOISE_MAX_AGE = 365 * 24 * 3600  # addresses carry the version of the file
CSRF_FAILURE_VIEW = "hub.web.errors.csrf"

# The workers' limit, from which soft and hard limit, lease, token life and visibility timeout follow.
JOB_TIME_LIMIT_SECONDS = int(JOB_TIME_LIMIT.total_seconds())
JOB_ATTEMPTS = 3
JOB_BACK_OFF_SECONDS = 10  # before the second attempt; twice that before the third
SWEEP_SECONDS = 30
REMIND_SECONDS = 3600
WORKER_SILENT_SECONDS = 45  # a worker, or an attempt, that is not heard for so long is taken for gone
CANARY_SECONDS = 30  # between the canaries of one worker
WORKER_DEAF_SECONDS = 100  # a worker that answered none of its canaries for so long hears nothing

# Pushes: bytes of one pack, and of the files that a pull request brings (a task may ask for less).
GIT_MAX_PACK_BYTES = 8 * 1024 * 1024
# Rate per contributor and task, sliding day.
CHECK_JOBS_A_DAY = 20
RANK_JOBS_A_DAY = 5

if "pytest" in sys.modules:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests only: quick log-ins
