"""Standings, computed from confirmed verdicts and never stored."""
