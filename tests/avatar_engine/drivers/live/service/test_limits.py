from avatar_engine.drivers.live.service.limits import TokenBucket


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    now = [0.0]
    bucket = TokenBucket(10, 3, lambda: now[0])
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 0.1
    assert bucket.take() and not bucket.take()
    now[0] = 1e9
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
