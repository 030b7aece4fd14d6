"""Courses, their lessons, and how far people are in them."""
