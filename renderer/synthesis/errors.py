"""The one error of this package: something the user can mend. Knows nothing else."""

from __future__ import annotations


class SynthesisError(Exception):
    """One line: what, which value, what was expected, what to do. The commands print it and exit with 1."""
