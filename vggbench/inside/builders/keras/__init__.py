"""Keras's train step, a module for each generation of its API."""
