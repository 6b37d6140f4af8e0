"""asv's benchmarks: params and metrics, nothing else."""
