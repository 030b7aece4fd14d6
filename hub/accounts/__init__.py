"""People: users, their roles, their tokens for git and the API."""
