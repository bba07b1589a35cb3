"""PKDN: face super-resolution by prior-knowledge distillation, as a reproducible laboratory."""

__version__ = "0.1.0"
