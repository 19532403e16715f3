"""The accents: eSpeak NG's own varieties of English, and English in the sounds of ten other languages.

A first-language accent starts from the British phonemes of the sentence. `sounds` says what a speaker of the
other language puts in their place, `rules` (regular expressions over a word such as " s t 'FACE ") what
becomes of clusters and ends of words; the other language's voice then speaks the result with its own rhythm
and tunes. Vowels have the names of Wells' lexical sets. The rules are plain textbook ones, and more regular
than any person.
"""

import re
from dataclasses import dataclass
from typing import Literal

NATIVE, FOREIGN = "native variety", "first-language accent"

VARIANTS = """
    f1 f2 f3 f4 f5 steph steph2 steph3 belinda linda aunty Annie grandma anika Andrea whisperf
    m1 m2 m3 m4 m5 m6 m7 m8 sandro croak max Mike caleb Hugo mike2 edward2 john pablo Alex Mario Reed david
    adam klatt6 rob Nguyen robert Henrique benjamin ian victor klatt quincy Denis grandpa iven whisper Michael
    ed Storm
""".split()  # noqa: SIM905

VOWELS = {
    name: vowel
    for vowel, names in {
        "KIT": "I I2 I# I2#",
        "HAPPY": "i",
        "FLEECE": "i:",
        "DRESS": "E E2 E#",
        "TRAP": "a",
        "BATH": "aa",
        "PALM": "A:",
        "LOT": "0 02 0# O2",
        "THOUGHT": "O:",
        "FOOT": "U",
        "GOOSE": "u:",
        "STRUT": "V",
        "NURSE": "3:",
        "LETTER": "3",
        "COMMA": "@ @2 @5 a# a2",
        "FACE": "eI",
        "PRICE": "aI",
        "CHOICE": "OI",
        "GOAT": "oU oU#",
        "MOUTH": "aU",
        "START": "A@",
        "NORTH": "O@ o@ O",
        "NEAR": "i@ i@3",
        "SQUARE": "e@",
        "CURE": "U@",
        "FIRE": "aI@ aI3",
        "POWER": "aU@",
    }.items()
    for name in names.split()
}
PLAIN = "p b t d k g f v T D s z S Z tS dZ m n N l r j w h".split()  # noqa: SIM905
CONSONANTS = {
    **{same: same for same in PLAIN},
    **{"t#": "t", "t2": "t", "d#": "d", "z#": "z", "r-": "r", "?": "t", ";": "", "_": "", "_!": "", "|": ""},
}
WITH_R = r"(START|NORTH|NEAR|SQUARE|CURE|FIRE|POWER|NURSE|LETTER)"
VOICELESS = {"b": "p", "d": "t", "g": "k", "v": "f", "D": "T", "z": "s", "Z": "S", "dZ": "tS"}
DEVOICED = tuple(
    (rf" {voiced}(?= $| [ptksfTS] )", f" {voiceless}") for voiced, voiceless in VOICELESS.items()
)

Stress = Literal["kept", "last"]


@dataclass(frozen=True)
class Accent:
    code: str
    name: str
    voice: str  # a file of espeak-ng-data/lang
    sounds: str = ""
    rules: tuple[tuple[str, str], ...] = ()
    stress: Stress = "kept"
    rhotic: bool = True

    @property
    def kind(self) -> str:
        return FOREIGN if self.sounds else NATIVE


def english(phoneme: str) -> list[str]:
    """The names used here for one eSpeak phoneme of British English, its stress mark before it."""
    mark = phoneme[0] if phoneme[0] in "',%=" else ""
    bare = phoneme.lstrip("',%=")
    if bare == "@L":
        return [mark + "COMMA", "l"]
    if bare == "n-":
        return ["COMMA", "n"]
    if bare.startswith("_:"):
        return ["_:"]
    named = VOWELS.get(bare) or CONSONANTS[bare]
    return [mark + named] if named else []


def foreign(word: list[str], accent: Accent) -> str:
    """A word of English phonemes as the accent's voice is to speak it, in that voice's phonemes."""
    text = f" {' '.join(name for phoneme in word for name in english(phoneme))} "
    if accent.rhotic:
        text = re.sub(rf"{WITH_R} r ", r"\1 ", text)
    for pattern, replacement in accent.rules:
        text = re.sub(pattern, replacement, text)
    sounds = dict(entry.split("=") for entry in accent.sounds.split())
    spoken = [spell(name, sounds) for name in text.split()]
    return join(last_stressed(spoken) if accent.stress == "last" else spoken)


def spell(name: str, sounds: dict[str, str]) -> str:
    bare = name.lstrip("',%=")
    return name[: len(name) - len(bare)] + sounds.get(bare, bare).replace("+", " ")


def last_stressed(spoken: list[str]) -> list[str]:
    """The word's main stress moved to its last full vowel."""
    if not any(part.startswith("'") for part in spoken):
        return spoken
    bare = [part.lstrip("',%=") for part in spoken]
    last = max(at for at, part in enumerate(bare) if is_vowel(part) and not part.startswith("@"))
    return [("'" if at == last else "") + part for at, part in enumerate(bare)]


def is_vowel(part: str) -> bool:
    return part[:1] in set("aeiouyAEIOUVWY@3&")


def join(spoken: list[str]) -> str:
    """Phonemes in a row; a bar stands where two would be read as one."""
    parts = [part for group in spoken for part in group.split()]
    text = ""
    for before, after in zip(["", *parts], parts, strict=False):
        clash = (before[-1:] in ("t", "d") and after[:1] in "sSzZh") or (
            is_vowel(before.lstrip("',")) and is_vowel(after)
        )
        text += ("|" if clash else "") + after
    return text


NATIVES = (
    Accent("us", "US English", "gmw/en-US"),
    Accent("nyc", "New York English", "gmw/en-US-nyc"),
    Accent("gb", "British English", "gmw/en"),
    Accent("rp", "Received Pronunciation", "gmw/en-GB-x-rp"),
    Accent("scotland", "Scottish English", "gmw/en-GB-scotland"),
    Accent("lancashire", "Lancashire English", "gmw/en-GB-x-gbclan"),
    Accent("midlands", "West Midlands English", "gmw/en-GB-x-gbcwmd"),
    Accent("caribbean", "Caribbean English", "gmw/en-029"),
)

FOREIGNERS = (
    Accent(
        "hindi",
        "Hindi first language",
        "inc/hi",
        "T=t# D=d t=t. d=d. w=v Z=z KIT=I HAPPY=i: FLEECE=i: DRESS=E TRAP=&: BATH=a: PALM=a: LOT=O: "
        "THOUGHT=O: FOOT=U GOOSE=u: STRUT=V NURSE=@+r LETTER=@+r COMMA=@ FACE=e: PRICE=aI CHOICE=O:+I "
        "GOAT=o: MOUTH=aU START=a:+r NORTH=o:+r NEAR=I+j+@+r SQUARE=e:+r CURE=U+@+r FIRE=aI+@+r "
        "POWER=aU+@+r",
    ),
    Accent(
        "spanish",
        "Spanish first language",
        "roa/es",
        "z=s Z=dZ h=x r=* N=n+g KIT=i HAPPY=i FLEECE=i DRESS=e TRAP=a BATH=a PALM=a LOT=o THOUGHT=o "
        "FOOT=u GOOSE=u STRUT=a NURSE=e+* LETTER=e+* COMMA=@ FACE=eI PRICE=aI CHOICE=oI GOAT=o+w "
        "MOUTH=aU START=a+* NORTH=o+* NEAR=i+e+* SQUARE=e+* CURE=u+* FIRE=aI+e+* POWER=aU+e+*",
        ((r"^ s (?=[ptkmnlfw] )", " DRESS s "), (r" m $", " n ")),
    ),
    Accent(
        "french",
        "French first language",
        "roa/fr",
        "T=s D=z h= tS=t+S dZ=d+Z KIT=i HAPPY=i FLEECE=i DRESS=E TRAP=a BATH=a PALM=a LOT=O THOUGHT=o "
        "FOOT=u GOOSE=u STRUT=W NURSE=W+r LETTER=W+r COMMA=@ FACE=e PRICE=a+j CHOICE=O+j GOAT=o "
        "MOUTH=a+u START=a+r NORTH=O+r NEAR=i+r SQUARE=E+r CURE=u+r FIRE=a+j+W+r POWER=a+w+W+r",
        stress="last",
    ),
    Accent(
        "german",
        "German first language",
        "gmw/de",
        "T=s D=z w=v KIT=I HAPPY=i: FLEECE=i: DRESS=E TRAP=E BATH=A: PALM=A: LOT=O THOUGHT=O: FOOT=U "
        "GOOSE=u: STRUT=a NURSE=W+r LETTER=3 COMMA=@ FACE=e: PRICE=aI CHOICE=OY GOAT=o: MOUTH=aU "
        "START=A: NORTH=O: NEAR=i:+3 SQUARE=E:+3 CURE=u:+3 FIRE=aI+3 POWER=aU+3",
        DEVOICED,
        rhotic=False,
    ),
    Accent(
        "italian",
        "Italian first language",
        "roa/it",
        "T=t D=d h= Z=dZ N=n+g r=R KIT=i HAPPY=i FLEECE=i DRESS=E TRAP=E BATH=a PALM=a LOT=O THOUGHT=O "
        "FOOT=u GOOSE=u STRUT=a NURSE=E+R LETTER=e+R COMMA=@ FACE=eI PRICE=aI CHOICE=oI GOAT=o MOUTH=aU "
        "START=a+R NORTH=O+R NEAR=i+a+R SQUARE=E+R CURE=u+R FIRE=aI+e+R POWER=aU+e+R",
        ((r" s (?=[mnlbdgvrw] )", " z "), (r" ([ptkfvszSTmnl]) ([ptkbdg]) $", r" \1 \2 @- ")),
    ),
    Accent(
        "polish",
        "Polish first language",
        "zlw/pl",
        "T=t D=d h=x N=n+k r=R KIT=y HAPPY=i FLEECE=i DRESS=E TRAP=E BATH=a PALM=a LOT=O THOUGHT=O "
        "FOOT=u GOOSE=u STRUT=a NURSE=E+R LETTER=E+R COMMA=a# FACE=E+j PRICE=a+j CHOICE=O+j GOAT=O+w "
        "MOUTH=a+w START=a+R NORTH=O+R NEAR=i+R SQUARE=E+R CURE=u+R FIRE=a+j+E+R POWER=a+w+E+R",
        DEVOICED,
    ),
    Accent(
        "turkish",
        "Turkish first language",
        "trk/tr",
        "T=t D=d w=v N=n+g r=R KIT=i HAPPY=i FLEECE=i DRESS=E TRAP=E BATH=a PALM=a LOT=O THOUGHT=O "
        "FOOT=u GOOSE=u STRUT=a NURSE=W+R LETTER=E+R COMMA=@ FACE=E+j PRICE=a+j CHOICE=O+j GOAT=o "
        "MOUTH=a+v START=a+R NORTH=O+R NEAR=i+R SQUARE=E+R CURE=u+R FIRE=a+j+E+R POWER=a+v+E+R",
        ((r"^ s (?=[ptk] )", " s COMMA "), *(rule for rule in DEVOICED if rule[0][1] in "bdg")),
        stress="last",
    ),
    Accent(
        "portuguese",
        "Brazilian Portuguese first language",
        "roa/pt-BR",
        "T=t D=d r=* KIT=i HAPPY=i FLEECE=i DRESS=E TRAP=E BATH=a PALM=a LOT=O THOUGHT=O FOOT=u GOOSE=u "
        "STRUT=& NURSE=E+r- LETTER=e+r- COMMA=& FACE=eI PRICE=aI CHOICE=oI GOAT=o+w MOUTH=aU START=a+r- "
        "NORTH=O+r- NEAR=i+r- SQUARE=E+r- CURE=u+r- FIRE=aI+e+r- POWER=aU+e+r-",
        (
            (r"^ s (?=[ptkmnlfw] )", " KIT s "),
            (r"^ r ", " h "),
            (r" t (?=['%,=]*(HAPPY|FLEECE))", " tS "),
            (r" d (?=['%,=]*(HAPPY|FLEECE))", " dZ "),
            (r" l $", " w "),
            (r" ([pkbg]) $", r" \1 i/ "),
        ),
    ),
    Accent(
        "vietnamese",
        "Vietnamese first language",
        "aav/vi",
        "T=t t=t[ d=d_ D=d_ S=s Z=z r=r/ KIT=i HAPPY=i FLEECE=i DRESS=E TRAP=E BATH=a: PALM=a: LOT=O "
        "THOUGHT=O FOOT=u GOOSE=u STRUT=a NURSE=@: LETTER=@ COMMA=@ FACE=eI PRICE=a:I CHOICE=OI GOAT=o "
        "MOUTH=a:U START=a: NORTH=O NEAR=i@ SQUARE=E CURE=u@ FIRE=a:I+@: POWER=a:U+@:",
        ((r"( [fvkptszSTD])( [kptsd])+ $", r"\1 "), *DEVOICED),
        rhotic=False,
    ),
    Accent(
        "swahili",
        "Swahili first language",
        "bnt/sw",
        "r=R N=N+g KIT=i HAPPY=i FLEECE=i DRESS=e TRAP=a BATH=a PALM=a LOT=o THOUGHT=o FOOT=u GOOSE=u "
        "STRUT=a NURSE=a LETTER=a COMMA=@ FACE=e+j PRICE=a+j CHOICE=o+j GOAT=o MOUTH=a+w START=a "
        "NORTH=o NEAR=i+a SQUARE=e+a CURE=u+a FIRE=a+j+a POWER=a+w+a",
        rhotic=False,
    ),
)

ACCENTS = NATIVES + FOREIGNERS
