from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.plot.phone_files import LabelledPhone, read_phones
from avatar_engine.errors import UsageError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "the ""map"" 2 3"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 0.5
        points: size = 1
        points [1]:
            number = 0.25
            mark = "!"
    item [3]:
        class = "IntervalTier"
        name = "reader - phones"
        xmin = 0
        xmax = 0.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.2
            text = ""
        intervals [2]:
            xmin = 0.2
            xmax = 0.5
            text = "mː"
"""
SHORT = (
    '"ooTextFile"\n"TextGrid"\n0 1\n<exists>\n1\n"IntervalTier"\n"mine"\n0 1\n1\n0 ! a comment 7\n1\n"AA1"\n'
)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_grid_gives_the_tier_of_phones(tmp_path: Path, encoding: str) -> None:
    phones = read_phones(write(tmp_path / "a.TextGrid", LONG.encode(encoding)))
    assert phones == (LabelledPhone(0, 0.2, ""), LabelledPhone(0.2, 0.5, "mː"))
    assert [p.is_silence for p in phones] == [True, False] and [p.shuts_lips for p in phones] == [False, True]


def test_a_short_text_grid_with_one_tier(tmp_path: Path) -> None:
    assert read_phones(write(tmp_path / "a.TextGrid", SHORT)) == (LabelledPhone(0, 1, "AA1"),)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from(["p", "ih", "tʃ", "", "a b"])), min_size=1))
def test_lines_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[tuple[float, str]]
) -> None:
    phones, start_s = [], 0.0
    for length, label in lengths:
        phones.append(LabelledPhone(start_s, start_s + length, label))
        start_s += length
    text = "# made up\n\n" + "".join(f"{p.start_s!r}\t{p.end_s!r}\t{p.label}\r\n" for p in phones)
    assert read_phones(write(tmp_path_factory.getbasetemp() / "a.lab", text)) == tuple(phones)


@pytest.mark.parametrize(
    ("label", "shuts"),
    [
        *[(label, True) for label in ("p", "B", "m", "pʰ", "bʲ", "m̩", "EM", "pcl", "bb")],
        *[(label, False) for label in ("pau", "sp", "sil", "spn", "f", "ɱ", "w", "n", "", "PH0X")],
    ],
)
def test_which_phones_shut_the_lips(label: str, shuts: bool) -> None:
    assert LabelledPhone(0, 1, label).shuts_lips is shuts


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no phones"),
        ("0 0.1 p\n0.1 b\n", "line 2: '0.1 b' is not"),
        ("0 0.1 p\n0.05 0.2 b\n", "line 2: starts at 0.05 s, before the end"),
        ("0.2 0.1 p\n", "line 1: from 0.2 to 0.1 s"),
        ("0 nan p\n", "line 1: from 0 to nan s"),
        (b"\xff\xfa\x00", "not UTF-8"),
        (b"ooBinaryFile\x08TextGrid", "binary TextGrid"),
        (LONG.replace("reader - phones", "sounds"), "interval tiers: 'words', 'sounds'"),
        (LONG[:300], "ends early"),
        (LONG.replace('"TextGrid"', '"PitchTier"'), "no TextGrid"),
        (SHORT.replace("0 ! a comment 7", '"x"'), "where a time was expected"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_phones(write(tmp_path / "phones", content))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.lab: cannot be read"):
        read_phones(tmp_path / "none.lab")
    with pytest.raises(UsageError, match="cannot be read"):
        read_phones(tmp_path)
