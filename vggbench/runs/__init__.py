"""Timed processes and their bookkeeping: what is started, and the records that are left."""
