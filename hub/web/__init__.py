"""HTML pages. Thin: rules live in the apps and in `hub/flow.py`."""
