"""Theano's train step: one compiled function."""
