"""`python -m tests.sandbox FORMAT...`: the attacks of these formats, by the user and kernel at hand.

Without those on the way rows are judged, which is the same for every user and kernel.
"""

import sys

from .arena import Arena
from .test_escape import ATTACKS


def main(formats: list[str]) -> int:
    lost = 0
    with Arena() as arena:
        for attack in ATTACKS:
            if attack.format in formats and not attack.judged and (wrong := arena.fight(attack)):
                print(f"{attack.format}: {attack.name}: {wrong}")
                lost += 1
    print(f"{lost} attacks were not held")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
