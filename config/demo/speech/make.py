"""Makes speech.csv.gz: eSpeak NG speaks, noise is added, Moonshine tiny writes down what it hears.

    python config/demo/speech/make.py --out speech.csv.gz

Needs requirements.txt of this folder and no network. Each chunk of voices runs in a process of its own, as
the recogniser's memory grows, and is kept in the cache folder: a stopped run goes on where it stood.
"""

import argparse
import codecs
import csv
import gzip
import io
import json
import multiprocessing
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import moonshine_voice
import numpy as np
from accents import ACCENTS, VARIANTS, Accent
from audio import babble, gated, mixed, pink, white
from espeak import Espeak
from moonshine_voice import ModelArch, Transcriber

SEED = 20
EACH = 4  # sentences a voice
CHUNK = 14  # voices a process
RATIO_DB = 10
NOISES = ("white", "pink", "babble")
TALKERS = ("f2", "m3", "steph", "m7", "f5", "robert")
RATES, PITCHES = (130, 171), (35, 66)  # words a minute, and eSpeak's 0 to 99; the upper ends are left out
SWEARING = re.compile(
    rf"\b({codecs.decode('shpx|fuvg|ovgpu|avtt|snttbg|phag|juber|fyhg', 'rot13')})\w*", re.IGNORECASE
)
HERE = Path(__file__).parent
OPTIONS = {"vad_threshold": "0", "identify_speakers": "false", "return_audio_data": "false"}


@dataclass(frozen=True)
class Row:
    utterance_id: str
    speaker: str
    accent: str
    accent_kind: str
    voice_type: str
    domain: str
    noise: str
    noise_kind: str
    reference: str
    moonshine_tiny: str
    moonshine_tiny_denoised: str
    duration: float


@dataclass(frozen=True)
class Utterance:
    accent: Accent
    variant: str
    number: int
    domain: str
    sentence: str

    @property
    def speaker(self) -> str:
        return f"{self.accent.code}+{self.variant}"

    @property
    def key(self) -> str:
        return f"{self.speaker}-{self.number}"


def seeded(*names: str) -> np.random.Generator:
    return np.random.default_rng([SEED, *(zlib.crc32(name.encode()) for name in names)])


def sentences() -> list[tuple[str, str]]:
    """(domain, sentence) of every line; a line with # names the domain of those below it."""
    found, domain = [], ""
    for line in (HERE / "sentences.txt").read_text().splitlines():
        if line.startswith("#"):
            domain = line.removeprefix("#").strip()
        else:
            found.append((domain, line))
    return found


def plan(place: int, accent: Accent) -> list[Utterance]:
    """The accent's utterances: every third sentence is left out, another third in the next accent.

    Which voice says which sentence is drawn anew for every accent.
    """
    spoken = [line for at, line in enumerate(sentences()) if at % 3 != place % 3]
    drawn = [spoken[at] for at in seeded(accent.code).permutation(len(spoken))]
    if len(drawn) != EACH * len(VARIANTS):
        raise SystemExit(
            f"{len(VARIANTS)} voices say {EACH} sentences each, but there are {len(drawn)} for them."
        )
    return [Utterance(accent, VARIANTS[at // EACH], at % EACH + 1, *line) for at, line in enumerate(drawn)]


@cache
def engine() -> Espeak:
    return Espeak()


@cache
def recogniser() -> Transcriber:
    folder = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
    return Transcriber(folder, ModelArch.TINY, options=OPTIONS)


@cache
def talkers() -> list[np.ndarray]:
    lines = [sentence for _, sentence in sentences()]
    return [
        engine().speak(" ".join(lines[at::48]), f"gmw/en-US+{name}", 160, 50)
        for at, name in enumerate(TALKERS)
    ]


def heard(wave: np.ndarray) -> str:
    lines = recogniser().transcribe_without_streaming(wave.tolist(), engine().rate).lines
    return decent(" ".join(" ".join(line.text for line in lines).split()))


def decent(text: str) -> str:
    """The text with *expletive* for swear words and slurs; no sentence has one, so errors stay errors."""
    return SWEARING.sub("expletive", text)


def noise(utterance: Utterance, length: int) -> tuple[str, np.ndarray]:
    generator = seeded(utterance.key)
    kind = NOISES[int(generator.integers(len(NOISES)))]
    if kind == "babble":
        return kind, babble(length, generator, talkers())
    return kind, {"white": white, "pink": pink}[kind](length, generator)


def voice_type(variant: str) -> str:
    """The gender that eSpeak's file of the variant declares for the voice, if it does."""
    lines = engine().variant_file(variant).read_text(encoding="utf-8", errors="replace").lower().splitlines()
    declared = {words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "gender"}
    return f"{declared.pop()} variant" if declared else "undeclared variant"


def spoken(utterance: Utterance) -> np.ndarray:
    generator = seeded(utterance.speaker)
    rate, pitch = int(generator.integers(*RATES)), int(generator.integers(*PITCHES))
    script = engine().script(utterance.sentence, utterance.accent)
    return engine().speak(script, f"{utterance.accent.voice}+{utterance.variant}", rate, pitch)


def rows(utterance: Utterance) -> Iterator[Row]:
    clean = spoken(utterance)
    kind, added = noise(utterance, len(clean))
    for name, kind_of, wave in (("clean", "none", clean), ("noisy", kind, mixed(clean, added, RATIO_DB))):
        yield Row(
            f"{utterance.key}-{name}",
            utterance.speaker,
            utterance.accent.name,
            utterance.accent.kind,
            voice_type(utterance.variant),
            utterance.domain,
            name,
            kind_of,
            utterance.sentence,
            heard(wave),
            heard(gated(wave)),
            round(len(clean) / engine().rate, 2),
        )


def make_chunk(job: tuple[Path, list[Utterance]]) -> Path:
    path, utterances = job
    if not path.exists():
        made = [asdict(row) for utterance in utterances for row in rows(utterance)]
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(made))
        unfinished.replace(path)
    return path


def jobs(folder: Path) -> list[tuple[Path, list[Utterance]]]:
    """Every accent's first chunk, then every accent's second."""
    size = CHUNK * EACH
    plans = [plan(place, accent) for place, accent in enumerate(ACCENTS)]
    starts = range(0, len(plans[0]), size)
    return [(folder / f"{p[0].accent.code}-{at}.json", p[at : at + size]) for at in starts for p in plans]


def write_table(made: list[dict[str, object]], out: Path) -> None:
    """CSV, gzipped where the name says so; the same rows give the same bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(made)
    content = text.getvalue().encode()
    out.write_bytes(gzip.compress(content, mtime=0) if out.suffix == ".gz" else content)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=HERE / "speech.csv.gz")
    parser.add_argument(
        "--cache", type=Path, default=Path("var/speech-cache"), help="folder of the finished chunks"
    )
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    todo = jobs(arguments.cache)
    with multiprocessing.get_context("spawn").Pool(arguments.processes, maxtasksperchild=1) as pool:
        for done, path in enumerate(pool.imap(make_chunk, todo, chunksize=1), 1):
            print(f"{done} of {len(todo)}: {path.name}", flush=True)
    order = {path.name: json.loads(path.read_text()) for path, _ in todo}
    made = [
        row
        for accent in ACCENTS
        for name, part in order.items()
        if name.startswith(f"{accent.code}-")
        for row in part
    ]
    write_table(made, arguments.out)


if __name__ == "__main__":
    main()
