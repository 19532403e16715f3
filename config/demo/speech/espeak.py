"""eSpeak NG through its C interface: a voice, its phonemes, its speech."""

import ctypes
from pathlib import Path

import espeakng_loader
import numpy as np
from accents import Accent, foreign

RETRIEVAL, UTF8, PHONEMES = 2, 1, 0x100
RATE, PITCH, RANGE = 1, 3, 4
BREATH_SEED = 20
SEPARATOR = "~"
Receiver = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    def __init__(self) -> None:
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.data = Path(espeakng_loader.get_data_path())
        self.rate: int = self.library.espeak_Initialize(RETRIEVAL, 0, str(self.data).encode(), 0)
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.library.espeak_Info.restype = ctypes.c_char_p
        self.library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self.samples: list[np.ndarray] = []
        self.receiver = Receiver(self.receive)
        self.library.espeak_SetSynthCallback(self.receiver)

    def receive(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if wave and count:
            self.samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    def version(self) -> str:
        return self.library.espeak_Info(None).decode()

    def variant_file(self, variant: str) -> Path:
        return self.data / "voices" / "!v" / variant

    def choose(self, voice: str) -> None:
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice}.")

    def phonemes(self, text: str) -> list[list[str]]:
        """The words of a text, each as its phonemes; a pause is a word of its own."""
        rest = ctypes.c_char_p(text.encode())
        words: list[list[str]] = []
        while rest.value is not None:
            clause = self.library.espeak_TextToPhonemes(
                ctypes.byref(rest), UTF8, ord(SEPARATOR) << 8
            ).decode()
            words += [word.strip(SEPARATOR).split(SEPARATOR) for word in clause.split()] + [["_:"]]
        return words[:-1]

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> np.ndarray:
        """The speech of a text, loudest sample 0.9, at `self.rate` samples a second."""
        self.choose(voice)
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, 50)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.library.espeak_ng_SetRandSeed(BREATH_SEED)  # else breathy variants differ from run to run
        self.samples.clear()
        written = text.encode() + b"\0"
        if self.library.espeak_Synth(written, len(written), 0, 1, 0, UTF8 | PHONEMES, None, None):
            raise RuntimeError(f"eSpeak NG could not speak: {text}")
        wave = np.concatenate(self.samples).astype(np.float32)
        return 0.9 * wave / np.abs(wave).max()

    def script(self, sentence: str, accent: Accent) -> str:
        """What the accent's voice is given: the sentence, or its phonemes in that language's sounds."""
        if not accent.sounds:
            return sentence
        self.choose("gmw/en")
        return f"[[{' '.join(foreign(word, accent) for word in self.phonemes(sentence))}]]{sentence[-1]}"
