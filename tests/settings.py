"""The settings that tests run under: data in a folder of their own, no broker, quick password hashes.

Not in charge of programs that a test starts: those read `hub.settings` under the environment that the test
gives them. `DATABASE_URL` is taken from the environment, so that `tests/on_postgres.py` can run the same
tests on PostgreSQL.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_DATA = tempfile.mkdtemp(prefix="touchstone-tests-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
for _name in ("SITE_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "TASKS_DIR", "DEMO"):
    os.environ.pop(_name, None)
os.environ["DATA_DIR"] = _DATA
# Nobody listens there: a test that needs a broker starts one, all others must do without.
os.environ["REDIS_URL"] = f"unix://{_DATA}/no-broker.sock"

from hub.settings import *  # noqa: E402, F403  # the environment had to be set first

WHITENOISE_AUTOREFRESH = True  # every client of a test would read all static files anew
NOTHING_KEPT = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}  # no test sees another's
CACHES = {"default": NOTHING_KEPT}
KEEP_COPIES = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick log-ins

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in life: a site that a test serves in a thread has connections of its own (`tests/live.py`).
    DATABASES["default"]["TEST"] = {"NAME": f"{_DATA}/test.sqlite3"}  # noqa: F405
    # Nothing of it need outlive the machine, and waiting for the disk is most of what a test would do.
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405
