"""One timed process and its bookkeeping: what is started, and the record that it leaves."""
