"""A worker that is told to stop does not wait for what takes too long."""

import time

import billiard

from config import warm_stop

SECONDS = 10


def run_on(started) -> None:
    warm_stop.end_when_told()
    started.set()
    try:
        time.sleep(3600)
    finally:
        # As evaluation.work does, which hands its job back here.
        started.clear()


def test_what_still_runs_after_a_while_is_told_to_end(monkeypatch):
    monkeypatch.setattr(warm_stop, "PATIENCE_SECONDS", 0.05)
    started = billiard.Event()
    process = billiard.Process(target=run_on, args=[started])
    process.start()
    try:
        assert started.wait(SECONDS)
        warm_stop.tell_later()
        process.join(SECONDS)
        assert process.exitcode >= 0, "it is killed"
        assert not started.is_set()
    finally:
        process.terminate()
