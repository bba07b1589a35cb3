"""``python -m bench``: how fast this is here, beside the plain way, in one run."""
