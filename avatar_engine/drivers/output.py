"""Results that appear whole or not at all: written under a temporary name beside their place, then moved into
it.

Knows files and folders, not what is in them. A process that is killed outright leaves the temporary name
behind (hidden: `.NAME.….part`), never half a result and never a lost old one.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from avatar_engine.errors import OutputError

_ADVICE = {
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some space or choose another disk",
    errno.EFBIG: "the file would be larger than allowed here",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turns what the operating system says while `path` is written into an OutputError with advice."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = _ADVICE.get(error.errno or 0, "choose another place")
        raise OutputError(f"{path}: cannot be written: {reason}; {advice}") from error


class NewFile:
    """A file in the making. With a `with` block: what is at `temporary` when `commit` is called takes the
    place of `path`.

    Leaving the block without `commit` removes `temporary`. OutputError where the place cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # A link is followed: the file it names is replaced, the link stays.
        self._place = Path(os.path.realpath(path))
        self.temporary = self._place.with_name(f".{self._place.name[:200]}.{secrets.token_hex(4)}.part")
        with reporting(path):
            self._check()
            self._make()

    def _check(self) -> None:
        if self._place.is_dir():
            raise OutputError(f"{self.path}: is a folder; name a file")
        if self._place.exists() and not self._place.is_file():
            raise OutputError(f"{self.path}: is not an ordinary file; name another")

    def _make(self) -> None:
        # 0o666 and not mkstemp's 0o600: the umask decides, as for any file the user makes.
        os.close(os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def commit(self) -> None:
        """Put the file in its place, on the disk for good."""
        with reporting(self.path):
            _sync(self.temporary)
            self.temporary.replace(self._place)

    def discard(self) -> None:
        """Forget it; nothing happens after `commit`."""
        self.temporary.unlink(missing_ok=True)


class NewFolder(NewFile):
    """As NewFile, for a folder of pictures. An old one is replaced whole if it holds nothing but such
    pictures.

    OutputError where the place holds anything else.
    """

    def __init__(self, path: Path, contents: str) -> None:
        """contents: a glob pattern of the names that may be there already and be replaced."""
        self._contents = contents
        super().__init__(path)

    def _make(self) -> None:
        self.temporary.mkdir()

    def _check(self) -> None:
        if self._place.exists() and not self._place.is_dir():
            raise OutputError(f"{self.path}: is a file; name a folder")
        if self._place.is_dir():
            stranger = next(
                (item.name for item in self._place.iterdir() if not item.match(self._contents)), None
            )
            if stranger is not None:
                raise OutputError(
                    f"{self.path}: holds {stranger!r}, which is none of {self._contents}; "
                    f"name an empty or a new folder"
                )

    def commit(self) -> None:
        """Put the folder in its place."""
        with reporting(self.path):
            if not self._place.exists():
                self.temporary.replace(self._place)
                return
            old = self.temporary.with_suffix(".old")
            self._place.replace(old)
            try:
                self.temporary.replace(self._place)
            except BaseException:
                old.replace(self._place)
                raise
            shutil.rmtree(old)

    def discard(self) -> None:
        """Forget it; nothing happens after `commit`."""
        shutil.rmtree(self.temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
