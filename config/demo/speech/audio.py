"""Noise of three kinds at a given ratio, and a plain spectral gate against it. Waves are float32 arrays."""

import numpy as np

FRAME, HOP = 512, 128
FLOOR_QUANTILE, GATE, SOFTEST = 0.2, 2.0, 0.15


def white(length: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal(length)


def pink(length: int, generator: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with frequency as 1/f."""
    spectrum = np.fft.rfft(generator.standard_normal(length))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)


def babble(length: int, generator: np.random.Generator, talkers: list[np.ndarray]) -> np.ndarray:
    """The talkers at once, each from a point of its own and over again when its speech ends."""
    starts = [int(generator.integers(len(talker))) for talker in talkers]
    return sum(
        np.resize(np.roll(talker, -start), length) for talker, start in zip(talkers, starts, strict=True)
    )


def mixed(speech: np.ndarray, noise: np.ndarray, ratio_db: float) -> np.ndarray:
    """Speech with noise `ratio_db` below it in mean power, loudest sample 0.9."""
    gain = np.sqrt(np.mean(speech**2) / np.mean(noise**2) / 10 ** (ratio_db / 10))
    both = speech + gain * noise
    return (0.9 * both / np.abs(both).max()).astype(np.float32)


def gated(wave: np.ndarray) -> np.ndarray:
    """The wave with what is near the noise floor turned down.

    The floor of a frequency is the 20 % quantile of its magnitude over time, as speech leaves every frequency
    free for some of the time. A bin at g times the floor keeps (g - 2) / g of its magnitude, and at least
    15 %; these gains are averaged over three frames and three frequencies, or else single bins would ring.
    """
    window = np.hanning(FRAME + 1)[:-1]
    padded = np.pad(wave, (FRAME, FRAME + -len(wave) % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * window
    spectrum = np.fft.rfft(frames, axis=1)
    magnitude = np.abs(spectrum)
    floor = np.quantile(magnitude, FLOOR_QUANTILE, axis=0)
    gains = np.clip(1 - GATE * floor / np.maximum(magnitude, 1e-9), SOFTEST, 1)
    edged = np.pad(gains, 1, mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(edged, (3, 3)).mean(axis=(2, 3))
    return overlapped(np.fft.irfft(spectrum * smooth, FRAME, axis=1) * window, len(wave))


def overlapped(frames: np.ndarray, length: int) -> np.ndarray:
    """Frames, windowed twice by Hann, added up to the wave they were cut from."""
    total = np.zeros(FRAME + HOP * (len(frames) - 1))
    for part in range(FRAME // HOP):
        rows = frames[:, part * HOP : (part + 1) * HOP].reshape(-1)
        total[part * HOP : part * HOP + len(rows)] += rows
    return (total[FRAME : FRAME + length] / (0.375 * FRAME / HOP)).astype(np.float32)
