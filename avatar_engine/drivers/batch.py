"""Many films from one table. Knows CSV and the record of what is done; a film itself is made by `api.render`.

The table has the columns audio, text, output, avatar, emotion, seed; only audio is needed. Paths of sounds
are relative to the table, outputs to the folder (default: the sound's name with .mp4). `summary.json` in the
folder is written after each row. A row counts as done when its record there has the same key (a hash of the
sound's bytes and all that shapes the film) and its output has the size on record; so a second run makes only
what is missing, changed or failed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from avatar_engine import __version__, assembly
from avatar_engine.config import EmotionChoice, nearest
from avatar_engine.drivers import api
from avatar_engine.drivers.media.pictures import PNG_FOLDER, kind_of
from avatar_engine.drivers.output import NewFile, reporting
from avatar_engine.drivers.progress import ProgressBar
from avatar_engine.errors import AvatarError, SpeechError, UsageError

COLUMNS = ("audio", "text", "output", "avatar", "emotion", "seed")
SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, with defaults filled in."""

    number: int
    "The first after the header is 1."
    audio: Path
    text: str | None
    output: str
    "Inside the folder."
    avatar: str
    emotion: str | None
    seed: str


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a row; a list of these is the summary."""

    row: int
    audio: str
    output: str
    status: str
    "done or failed"
    key: str = ""
    bytes: int = 0
    frames: int = 0
    duration_s: float = 0.0
    wall_s: float = 0.0
    error: str = ""


def run(options: Namespace) -> int:
    """avatar-engine batch; 0 if every row is done, else 1."""
    rows = read_manifest(options.manifest, options.avatar)
    folder: Path = options.output
    with reporting(folder):
        folder.mkdir(parents=True, exist_ok=True)
    earlier = {record.output: record for record in read_summary(folder / SUMMARY)}
    models = api.Models()
    records: list[Record] = []
    again = 0
    for row in rows:
        record = _made_earlier(row, folder, earlier.get(row.output), options)
        if record is None:
            record = _make(row, folder, options, models)
            again += record.status == "done"
        records.append(record)
        if record.status == "failed":
            print(f"avatar-engine: row {row.number} ({row.audio.name}): {record.error}", file=sys.stderr)
        write_summary(folder / SUMMARY, records, len(rows))
    failed = sum(record.status == "failed" for record in records)
    done = len(records) - failed
    print(f"{done} of {len(rows)} done ({done - again} of them earlier), {failed} failed: {folder / SUMMARY}")
    return 1 if failed else 0


def read_manifest(path: Path, avatar: str) -> list[Row]:
    """The rows of a table; UsageError where it is no such table or two rows have one output."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restkey="", restval="")
            header = [name.strip() for name in table.fieldnames or ()]
            table.fieldnames = header
            for name in header:
                if name not in COLUMNS:
                    raise UsageError(
                        f"{path}: unknown column {name!r}{nearest(name, COLUMNS)}; use {', '.join(COLUMNS)}"
                    )
            if "audio" not in header:
                raise UsageError(f"{path}: has no column 'audio'; begin with a line of {', '.join(COLUMNS)}")
            cells = list(table)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; check the name") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except (OSError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as CSV: {error}") from None
    rows = [_row(number, line, path.parent, avatar) for number, line in enumerate(cells, start=1)]
    if not rows:
        raise UsageError(f"{path}: has no rows; expected at least one after the header")
    _check_outputs(path, rows)
    return rows


def _row(number: int, cells: dict[str, Any], base: Path, avatar: str) -> Row:
    given = {name: str(cells.get(name) or "").strip() for name in COLUMNS}
    audio = base / given["audio"]
    return Row(
        number=number,
        audio=audio,
        text=given["text"] or None,
        output=given["output"] or f"{audio.stem}.mp4",
        avatar=given["avatar"] or avatar,
        emotion=given["emotion"] or None,
        seed=given["seed"] or "0",
    )


def _check_outputs(path: Path, rows: Iterable[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        name = str(PurePosixPath(row.output))
        if name == SUMMARY:
            raise UsageError(
                f"{path}: row {row.number} writes {SUMMARY!r}, which the summary needs; name another output"
            )
        if name in seen:
            raise UsageError(
                f"{path}: rows {seen[name]} and {row.number} both write {name!r}; give them different outputs"
            )
        seen[name] = row.number


def read_summary(path: Path) -> list[Record]:
    """The records of an earlier run; none where there was none, or where its summary cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Record(**record) for record in content["records"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write_summary(path: Path, records: list[Record], total: int) -> None:
    """All records so far, and their count."""
    failed = sum(record.status == "failed" for record in records)
    content = {
        "generator": f"avatar-engine {__version__}",
        "rows": total,
        "done": len(records) - failed,
        "failed": failed,
        "records": [asdict(record) for record in records],
    }
    with NewFile(path) as new, reporting(path):
        new.temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        new.commit()


def _made_earlier(row: Row, folder: Path, record: Record | None, options: Namespace) -> Record | None:
    """The record of a row that needs no work, with its present number."""
    if record is None or record.status != "done":
        return None
    try:
        is_same = record.key == _key(row, options) and record.bytes == _size(folder / row.output)
    except (AvatarError, OSError):
        return None
    return Record(**{**asdict(record), "row": row.number}) if is_same else None


def _make(row: Row, folder: Path, options: Namespace, models: api.Models) -> Record:
    """Make one film. What goes wrong goes into the record: one bad row does not stop the rest."""
    start = time.monotonic()
    try:
        output = _place(row, folder)
        key = _key(row, options)
        with ProgressBar(f"row {row.number}") as bar:
            report = _render(row, output, options, models, bar.show)
        return Record(
            row=row.number,
            audio=str(row.audio),
            output=row.output,
            status="done",
            key=key,
            bytes=_size(output),
            frames=report.frames,
            duration_s=report.duration_s,
            wall_s=round(time.monotonic() - start, 3),
        )
    except AvatarError as error:
        reason = " ".join(str(error).split())
    except Exception as error:
        reason = f"this should not happen: {type(error).__name__}: {error}"
    return Record(row.number, str(row.audio), row.output, "failed", error=reason)


def _render(
    row: Row, output: Path, options: Namespace, models: api.Models, show: Callable[[int, int | None], None]
) -> api.Report:
    return api.render(
        row.audio,
        row.text,
        output=output,
        avatar=row.avatar,
        size=options.size,
        seed=_seed(row),
        emotion=row.emotion,
        emotion_model=options.emotion_model,
        device=options.device,
        threads=options.threads,
        background=options.background,
        models=models,
        on_frame=show,
    )


def _seed(row: Row) -> int:
    try:
        return int(row.seed)
    except ValueError:
        raise UsageError(f"seed must be a whole number, not {row.seed!r}") from None


def _place(row: Row, folder: Path) -> Path:
    """Where the row's film goes; UsageError for a place outside the folder."""
    output = folder / row.output
    if not output.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"output {row.output!r} lies outside the folder; name a file in it")
    with reporting(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    return output


def _key(row: Row, options: Namespace) -> str:
    """Stands for all that shapes the film; SpeechError where the sound cannot be read."""
    try:
        with row.audio.open("rb") as file:
            sound = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpeechError(f"{row.audio}: cannot be read: {error.strerror or error}") from None
    emotion = None if row.emotion is None else asdict(EmotionChoice.parse(row.emotion))
    facts = assembly.find_avatar(row.avatar)
    parts = [
        *(__version__, sound, row.text, row.output, facts.name, facts.version, emotion, _seed(row)),
        *(options.size, options.background, str(options.emotion_model), options.device, options.threads),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _size(output: Path) -> int:
    """Bytes of a film; of a folder of pictures all together."""
    if kind_of(output) is PNG_FOLDER:
        return sum(picture.stat().st_size for picture in output.iterdir())
    return output.stat().st_size
