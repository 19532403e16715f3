"""Numbers as texts, for what leaves the site as text: the service card."""

MINUS, NBSP, NONE = "−", "\u00a0", "–"
SMALLEST_P = 0.0001


def count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share: 0.0854 as 8.5 %."""
    return NONE if value is None else f"{_signed(value)}{NBSP}%"


def points(value: float | None) -> str:
    """A difference of shares with its sign: 0.12 as +12.0 pp."""
    return NONE if value is None else f"{_plus(value)}{NBSP}pp"


def interval(low: float | None, high: float | None) -> str:
    """7.9 to 9.1 %; nothing where there is none."""
    return NONE if low is None or high is None else f"{_signed(low)} to {percent(high)}"


def gap_interval(low: float | None, high: float | None) -> str:
    """+1.0 to +3.2 pp."""
    return NONE if low is None or high is None else f"{_plus(low)} to {points(high)}"


def p_value(value: float | None) -> str:
    if value is None:
        return NONE
    return f"< {SMALLEST_P}" if value < SMALLEST_P else f"{value:.2g}"


def times(number: float, words: tuple[str, str]) -> str:
    """1 speaker, 12 speakers."""
    return f"{count(number)}{NBSP}{words[0] if number == 1 else words[1]}"


def _signed(value: float) -> str:
    # Adding 0 turns what rounds to -0.0 into 0.0.
    return f"{round(100 * value, 1) + 0.0:,.1f}".replace("-", MINUS)


def _plus(value: float) -> str:
    return ("+" if round(100 * value, 1) > 0 else "") + _signed(value)
