"""The Django site: tasks, claims, pull requests, boards, reviews, rewards."""
