"""avatar-engine: speech and text in, a living talking head out."""

__version__ = "0.1.0"
