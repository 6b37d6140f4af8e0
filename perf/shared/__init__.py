"""What several scripts of perf/ share. No module here prints a figure by itself."""
