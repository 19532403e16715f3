"""The tables of a run, and what was promised of it."""

from collections import defaultdict

LEADERBOARD_P95 = 0.1
COLUMNS = f"{'requests':>9} {'a second':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'errors':>7}"


def percentile(times: dict[str, int], share: float) -> float:
    """Of a histogram: milliseconds by how often they were seen."""
    wanted, seen = share * sum(times.values()), 0
    for milliseconds, n in sorted((float(key), n) for key, n in times.items()):
        seen += n
        if seen >= wanted:
            return milliseconds
    return 0.0


def promises(found: dict, most: int) -> list[dict]:
    """What a run must show: what it is, whether it held, and what was measured."""
    errors = sum(one["num_failures"] for one in found["requests"])
    failed, unfinished = (
        found["outcomes"]["failed"],
        found["outcomes"]["queued"] + found["outcomes"]["running"],
    )
    p95, growing = found["leaderboard"]["p95"], [one for one in found["memory"] if one["steady"]]
    return [
        promise("no request ends in an error", not errors, f"{errors} errors"),
        promise(
            "every submission has its outcome and none failed by our fault",
            found["sent"] and not failed and not unfinished,
            f"{found['sent']} sent, {failed} failed, {unfinished} without an outcome",
        ),
        promise(
            f"the leaderboard of {most:,} submissions answers 95 % within {1000 * LEADERBOARD_P95:.0f} ms",
            p95 < LEADERBOARD_P95,
            f"{1000 * p95:.0f} ms, {found['leaderboard']['at_once']} readers at once",
        ),
        promise(
            "no process grows steadily after the warm-up",
            found["memory"] and not growing,
            ", ".join(f"{one['kind']} {one['pid']} by {mega(one['grew'])}" for one in growing) or "none does",
        ),
    ]


def promise(what: str, held: object, measured: str) -> dict:
    return {"promise": what, "held": bool(held), "measured": measured}


def mega(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


def show(found: dict, promised: list[dict]) -> None:
    show_growth(found["growth"])
    show_requests(found)
    for one in found["errors"]:
        print(f"{one['times']:>7} times {one['name']}: {one['error'][:200]}")
    show_memory(found)
    show_cores(found["cores"])
    print("\nPromises")
    for one in promised:
        print(f"{'held  ' if one['held'] else 'BROKEN'}  {one['promise']}: {one['measured']}")


def show_growth(measured: list[dict]) -> None:
    sizes = list(measured[0]["seconds"])
    heads = "".join(f"{f'{size:,}':>10}" for size in sizes)
    print(f"\nEvery page alone: median milliseconds by submissions\n{'':<70}{heads}{'times':>8}")
    for one in measured:
        cells = "".join(f"{1000 * one['seconds'][size]:>10.1f}" for size in sizes)
        times = one["seconds"][sizes[-1]] / one["seconds"][sizes[0]]
        print(f"{one['page']:<57}{one['who']:<13}{cells}{times:>8.1f}")


def show_requests(found: dict) -> None:
    print(f"\n{found['people']} people for {found['seconds']} s\n{'':<64} {COLUMNS}")
    everything: dict[str, int] = defaultdict(int)
    n = errors = 0
    for one in sorted(found["requests"], key=lambda one: (one["method"], one["name"])):
        show_request(
            f"{one['method']:<5}{one['name']}", one["response_times"], one["num_failures"], found["seconds"]
        )
        if one["method"] != "WAIT":
            n, errors = n + one["num_requests"], errors + one["num_failures"]
            for milliseconds, times in one["response_times"].items():
                everything[milliseconds] += times
    show_request("all requests", everything, errors, found["seconds"])
    outcomes = ", ".join(f"{n} {status}" for status, n in found["outcomes"].items() if n)
    print(
        f"{found['sent']} submissions: {outcomes}. {found['verdicts_per_second']:.1f} outcomes a second; "
        f"{found['left_at_the_end']} were waiting when the people left."
    )


def show_request(name: str, times: dict[str, int], errors: int, seconds: int) -> None:
    n = sum(times.values())
    cells = "".join(f"{percentile(times, share):>9.0f}" for share in (0.5, 0.95, 0.99))
    print(f"{name:<64} {n:>9,} {n / seconds:>9.1f}{cells} {errors:>7}")


def show_memory(found: dict) -> None:
    print("\nMemory of its own of each process, over time")
    kinds: dict[str, list[dict]] = defaultdict(list)
    for one in found["memory"]:
        kinds[one["kind"]].append(one)
    for kind, processes in sorted(kinds.items()):
        for one in sorted(processes, key=lambda one: -one["memory"][-1])[:6]:
            memory = one["memory"]
            marks = [memory[min(len(memory) - 1, len(memory) * quarter // 4)] for quarter in range(5)]
            print(f"{kind:<12}{one['pid']:>8}  " + "  ".join(f"{mega(mark):>8}" for mark in marks))
        if len(processes) > 6:
            print(f"{kind:<12}{len(processes) - 6:>8} more, each smaller")


def show_cores(cores: dict[str, float]) -> None:
    print("\nProcessor cores kept busy, on average")
    for kind, used in sorted(cores.items(), key=lambda item: -item[1]):
        print(f"{kind:<24}{used:>6.2f}")
