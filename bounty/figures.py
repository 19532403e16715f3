"""The life of a repaired model as a Plotly dict, ready for JSON; the page draws it in its own colours.

Texts from people are escaped, as Plotly reads tags in labels.
"""

from html import escape

from .repaired import Round

GRID = "rgba(128, 128, 128, 0.3)"
SYMBOLS = ("diamond", "square", "triangle-up", "cross", "x", "star", "hexagon", "pentagon")
TEAM = 24  # characters of a team's name in a figure; the table has it whole


def life(rounds: list[Round], shown: list[Round], history: dict, pages: list[str], title: str) -> dict:
    """Error after every round: of all rows, and of the groups of the shown fixes from just before theirs.

    `history` is `Live.life`; `pages` are the addresses of the rounds, which a click on a point opens.
    """
    overall = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "all rows",
        "x": list(range(len(rounds) + 1)),
        "y": history["overall"],
        "line": {"width": 4},
        "marker": {"size": 9},
        "zorder": 2,
        "customdata": ["", *pages],
        "hovertemplate": "all rows: %{y:.2%}<extra></extra>",
    }
    groups = [
        line(one, history["groups"][one.number - 1], pages, SYMBOLS[(one.number - 1) % len(SYMBOLS)])
        for one in shown
    ]
    return {"data": [overall, *groups], "layout": layout(len(rounds), title)}


def line(shown: Round, errors: list[float | None], pages: list[str], symbol: str) -> dict:
    """A group's error, starting with what it was before its fix."""
    number, team = shown.number, shown.submission.team.name
    named = escape(team if len(team) <= TEAM else f"{team[: TEAM - 1]}…", quote=False)
    known = [shown.exact["group_before"], *errors[number:]]
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": f"group of fix {number}",
        "x": list(range(number - 1, number + len(known) - 1)),
        "y": known,
        "text": [str(number), *[""] * (len(known) - 1)],
        "textposition": "top center",
        "cliponaxis": False,
        "line": {"width": 1.5},
        "marker": {"size": 7, "symbol": symbol},
        "customdata": [pages[number - 1], *pages[number - 1 :]],
        "hovertemplate": f"group of fix {number} ({named}): %{{y:.2%}}<extra></extra>",
    }


def layout(rounds: int, title: str) -> dict:
    axis = {"automargin": True, "fixedrange": True, "gridcolor": GRID, "zeroline": False, "linecolor": GRID}
    step = max(1, -(-rounds // 12))
    places = list(range(0, rounds + 1, step))
    return {
        "height": 400,
        "margin": {"l": 8, "r": 16, "t": 24, "b": 44},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": axis
        | {
            "title": {"text": "accepted fixes in the model"},
            "tickmode": "array",
            "tickvals": places,
            "ticktext": [str(place) for place in places],
            "range": [-0.25, rounds + 0.25],
            "showgrid": False,
        },
        "yaxis": axis | {"title": {"text": title}, "tickformat": ".0~%", "rangemode": "tozero"},
    }
