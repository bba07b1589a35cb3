"""Is this folder, and this machine, fit to run the pipeline: one function a check."""
