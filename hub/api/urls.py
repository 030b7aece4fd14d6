"""JSON paths, by audience."""

from django.urls import path

from hub.api import reading, worker

app_name = "api"
urlpatterns = [
    path("v1/me", reading.me, name="me"),
    path("v1/tasks", reading.tasks, name="tasks"),
    path("v1/tasks/<slug:slug>", reading.task, name="task"),
    path("v1/tasks/<slug:slug>/boards/<slug:hardware>", reading.board, name="board"),
    path("v1/verdicts", reading.verdicts, name="verdicts"),
    path("v1/programmes", reading.programme_list, name="programmes"),
    path("v1/programmes/<slug:slug>/standing", reading.standing, name="standing"),
    path("worker/hello", worker.hello, name="hello"),
    path("worker/canary", worker.canary, name="canary"),
    path("worker/jobs/<uuid:job_id>/claim", worker.claim, name="claim"),
    path("worker/revisions/<slug:digest>", worker.revision, name="revision"),
    path("worker/attempts/<uuid:attempt_id>/heartbeat", worker.heartbeat, name="heartbeat"),
    path("worker/attempts/<uuid:attempt_id>/result", worker.result, name="result"),
    path("worker/attempts/<uuid:attempt_id>/fault", worker.fault, name="fault"),
]
