"""The short times of a chaos run, for hub and worker alike."""

JOB_SECONDS = 20  # JOB_TIME_LIMIT, from which the others follow
SILENT_SECONDS = 4
SWEEP_EVERY_SECONDS = 1
HELLO_EVERY_SECONDS = 1.0
BEAT_EVERY_SECONDS = 1.0
REST_SECONDS = 2.0  # of a worker after many faults in a row
CANARY_EVERY_SECONDS = 3
DEAF_AFTER_SECONDS = 12
