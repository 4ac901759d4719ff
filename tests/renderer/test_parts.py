"""Parts of pictures are what the whole has there."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderer.parts import Memory, Region, enlarged, inside, is_empty, shared

ends = st.tuples(st.integers(0, 88), st.integers(0, 88)).map(sorted)
regions = st.tuples(ends, ends).map(lambda part: (slice(*part[0]), slice(*part[1])))


@given(
    by=st.sampled_from([1, 2, 4]), channels=st.sampled_from([(), (3,)]), part=regions, seed=st.integers(0, 99)
)
def test_a_part_is_enlarged_as_in_the_whole(
    by: int, channels: tuple[int, ...], part: Region, seed: int
) -> None:
    if is_empty(part):
        return
    source = np.random.default_rng(seed).random((88 // by, 88 // by, *channels), np.float32)
    whole = cv2.resize(source, (88, 88) if by > 1 else source.shape[1::-1])
    found = enlarged(source, by, part, Memory(88 + 4 * by, 88 + 4 * by, *channels))
    np.testing.assert_allclose(found, whole[part], atol=1e-6)


@given(one=regions, other=regions)
def test_what_two_share_is_in_both(one: Region, other: Region) -> None:
    numbers = np.arange(88 * 88).reshape(88, 88)
    both = shared(one, other)
    common = np.intersect1d(numbers[one], numbers[other])
    assert is_empty(both) == (len(common) == 0)
    if not is_empty(both):
        assert np.array_equal(numbers[both].ravel(), common)
        assert np.array_equal(numbers[one][inside(both, one)], numbers[both])
