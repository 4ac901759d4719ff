"""The browser side: the <talking-avatar> component and the demo page. A server asks for `path()`."""

from __future__ import annotations

from pathlib import Path


def path() -> Path:
    """Folder with index.html and all that it loads, in a check-out as in an installed wheel."""
    return Path(__file__).parent
