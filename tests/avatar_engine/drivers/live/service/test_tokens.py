from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.live.service import tokens


def test_tokens_differ_and_fit_into_a_url() -> None:
    made = {tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) >= 43 and token.replace("-", "").replace("_", "").isalnum() for token in made)
    assert len({tokens.new_id() for _ in range(100)}) == 100


def test_only_the_same_secret_is_one_of() -> None:
    known = [tokens.digest("first"), tokens.digest("second")]
    assert tokens.is_one_of("second", known)
    assert not tokens.is_one_of("secon", known)
    assert not tokens.is_one_of(None, known)
    assert not tokens.is_one_of("", known)
    assert not tokens.is_one_of("first", [])


def test_a_log_never_shows_the_secret() -> None:
    assert "top-secret" not in tokens.in_logs("top-secret")
    assert tokens.in_logs("a") != tokens.in_logs("b")
    assert tokens.in_logs(None) == "none"


def test_bearer_reads_the_header_and_nothing_else() -> None:
    assert tokens.bearer("Bearer abc") == tokens.bearer("bearer  abc ") == "abc"
    assert tokens.bearer("Basic abc") is None
    assert tokens.bearer("Bearer ") is None
    assert tokens.bearer(None) is None


@given(st.text())
def test_any_header_and_any_secret_is_compared_without_an_error(text: str) -> None:
    tokens.bearer(text)
    assert not tokens.is_one_of(text + "x", [tokens.digest(text)])
