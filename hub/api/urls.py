"""JSON paths, by audience."""

from django.urls import path

from hub.api import worker

app_name = "api"
urlpatterns = [
    path("worker/hello", worker.hello, name="hello"),
    path("worker/canary", worker.canary, name="canary"),
    path("worker/jobs/<uuid:job_id>/claim", worker.claim, name="claim"),
    path("worker/revisions/<slug:digest>", worker.revision, name="revision"),
    path("worker/attempts/<uuid:attempt_id>/heartbeat", worker.heartbeat, name="heartbeat"),
    path("worker/attempts/<uuid:attempt_id>/result", worker.result, name="result"),
    path("worker/attempts/<uuid:attempt_id>/fault", worker.fault, name="fault"),
]
