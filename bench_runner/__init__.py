"""The judge: Celery workers that build, check and time strangers' code in a sandbox.

Knows nothing of Django, the database, `framework` or `kernels`; speaks to the hub over HTTP (`contract.py`).
"""
