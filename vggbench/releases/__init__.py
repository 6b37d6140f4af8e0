"""Tracks, releases and locks: the data under ``releases/``, and what is made of it."""
