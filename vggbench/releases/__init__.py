"""Tracks, releases and locks: the data under ``releases/``, and the environments made from it."""
