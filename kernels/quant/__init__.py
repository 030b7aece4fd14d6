"""Quantised formats: the tables of codes (`codes`) and how states are kept in files (`state`)."""
