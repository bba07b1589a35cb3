"""One thin script a stage: what it was asked to do, wiring, writing."""
