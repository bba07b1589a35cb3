"""``python -m bench``: how fast this is here, beside the plain way, in one run."""

PHOTO_SIZE = (178, 218)
"""Of CelebA's aligned photos, in pixels."""
