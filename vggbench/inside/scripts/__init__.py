"""Scripts that are started by their path in a release's interpreter."""
