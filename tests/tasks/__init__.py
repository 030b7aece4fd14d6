"""Tests of the tasks package and of the built-in tasks."""
