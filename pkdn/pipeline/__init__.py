"""Running the pipeline: which stages, when, in which processes, and how they are ended."""
