"""What can go wrong, as one tree.

AvatarError                 anything the engine reports in one line; exit code 1 on the command line
├── UsageError              the caller asked for something that does not exist or does not fit; exit code 2
├── SpeechError             the speech cannot be read or holds nothing usable
├── MotionFileError         a motion file is malformed; says which frame
├── WeightsError            a weight file is missing, damaged, or does not fit the others
└── OutputError             the result cannot be written

Each message is one line: what, which value, what was expected, what to do.
"""

from __future__ import annotations


class AvatarError(Exception):
    """Base of all errors that are meant for the user."""

    exit_code = 1


class UsageError(AvatarError):
    """Wrong option, unknown avatar or emotion, options that exclude each other."""

    exit_code = 2


class SpeechError(AvatarError):
    """The speech file or stream cannot be used."""


class MotionFileError(AvatarError):
    """The motion file cannot be used."""


class WeightsError(AvatarError):
    """A weight file cannot be used."""


class OutputError(AvatarError):
    """The output cannot be written."""


class AvatarWarning(UserWarning):
    """Something was put right on the way (a clamped value, an unknown script): one line, given once."""
