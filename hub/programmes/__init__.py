"""Seasons and contests: applications, teams, announcements, standings, statements."""
