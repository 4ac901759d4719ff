import re

import pytest

from avatar_engine.drivers.live.service.metrics import Metrics

LINE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]*"\})? (NaN|-?[0-9.e+-]+)$')


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))  # type: ignore[misc]


def test_the_page_is_prometheus_text() -> None:
    metrics = Metrics()
    metrics.count("sessions_opened_total")
    metrics.count("control_errors_total", 'code="busy"', 2)
    for milliseconds in range(1, 101):
        metrics.time("session_create_ms", milliseconds / 1000)
    text = metrics.text(
        {"render_fps": 25.0, "interrupt_ms_median": 3.5, "interrupt_ms_p95": 9.0}, {"ready": 1}
    )
    assert all(line.startswith("# ") or LINE.match(line) for line in text.splitlines())
    found = samples(text)
    assert found["sessions_opened_total"] == "1"
    assert found['control_errors_total{code="busy"}'] == "2"
    assert found['session_create_ms{quantile="0.5"}'] == "50"
    assert found['session_create_ms{quantile="0.95"}'] == "95"
    assert found['interrupt_ms{quantile="0.95"}'] == "9"
    assert found["render_fps"] == "25"
    assert found["ready"] == "1"


def test_each_family_is_named_once() -> None:
    metrics = Metrics()
    for code in ("busy", "internal"):
        metrics.count("control_errors_total", f'code="{code}"')
    heads = [line for line in metrics.text({}, {}).splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))


def test_what_is_no_number_is_told_as_such() -> None:
    assert "render_fps NaN" in Metrics().text({"render_fps": float("nan")}, {})


def test_the_names_are_there_before_anything_was_measured() -> None:
    text = Metrics().text({"rejected": 0.0, "repeated_frames": 3.0}, {})
    for name in ("webrtc_first_frame_ms", "avatar_first_frame_ms", "av_drift_ms", "interrupt_ms"):
        assert f'{name}{{quantile="0.5"}} NaN' in text and f"# TYPE {name} gauge" in text
    assert "# TYPE repeated_frames counter" in text


def test_who_was_refused_by_anybody_counts_as_rejected() -> None:
    metrics = Metrics()
    metrics.count("sessions_rejected_total", by=2)
    assert samples(metrics.text({"rejected": 0.0}, {}))["rejected"] == "2"


def test_old_measurements_are_forgotten() -> None:
    metrics = Metrics()
    for _ in range(100_000):
        metrics.time("session_create_ms", 1)
    assert max(map(len, metrics._times.values())) < 1_000


@pytest.mark.parametrize("name", ["memory", "sessions_opened_total"])
def test_nothing_counted_is_zero(name: str) -> None:
    assert Metrics().total(name) == 0
