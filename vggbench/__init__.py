"""vggbench: the same VGG16 training step, timed in every release of a framework."""
