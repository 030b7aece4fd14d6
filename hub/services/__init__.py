"""Running the hub on one machine: which processes, Redis, translations. Standard library and redis-py only.

Not in charge of what those processes do. `hub/bootstrap.py` imports parts of this before anything is
installed, so a module here imports third-party code only inside the function that needs it.
"""
