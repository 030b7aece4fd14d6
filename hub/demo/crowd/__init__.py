"""A made-up community for `manage.py demo_data`: people, tasks and years of work, written in bulk.

sizes.py   how large, and the one entry point: `make`
rows.py    tuples into tables, as fast as the database takes them
words.py   names, titles and sentences in both languages
cast.py    people, machines, tasks
work.py    claims, pull requests, verdicts, reviews, merges, points, discussion
together.py  SIGs, study groups, announcements
"""
