"""What was measured, as a table, and as a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

MARK = "bench"
"""The name of the marks between which the table stands in its page."""
HEADINGS = ("what", "size", "ours, ms", "plain, ms", "plain / ours", "faces/s", "TFLOP/s")


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], num_words: int) -> str:
    """Return a table: its first columns, so many, are words, and the others numbers."""
    rules = ["---"] * num_words + ["---:"] * (len(headings) - num_words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows))


def table(rows: Sequence[dict[str, Any]], product: float) -> str:
    """Return the rows as Markdown.

    Args:
        rows: what was measured.
        product: 10¹² operations a second of a matrix product, which the last column is a share of.
    """
    lines = list[list[str]]()
    for row in rows:
        cells = [row["what"], row["size"], _number(1000 * row["ours"])]
        if "plain" in row:
            spread = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            cells += [_number(1000 * row["plain"]), spread]
        else:
            cells += ["", ""]
        cells.append(_number(row["faces_per_second"]) if "faces_per_second" in row else "")
        speed = row.get("tflops")
        cells.append(f"{speed:.3g} ({speed / product:.0%})" if speed else "")
        lines.append(cells)
    return markdown(HEADINGS, lines, 2)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw the ratios of what was timed both ways."""
    from matplotlib.figure import Figure

    pairs = [row for row in rows if "ratio" in row]
    names = [f"{row['what']} {row['size']}".strip() for row in pairs]
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    ratios = [row["ratio"] for row in pairs]
    below = [row["ratio"] - row["low"] for row in pairs]
    above = [row["high"] - row["ratio"] for row in pairs]
    bars = axes.barh(names, ratios, xerr=[below, above], color="#4477aa", ecolor="#222222")
    axes.bar_label(bars, [f"{ratio:.1f}×" for ratio in ratios], padding=12)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlim(right=1.15 * max(row["high"] for row in pairs))
    axes.set_xlabel("how many times as long the plain way takes (bars: half of the rounds)")
    figure.savefig(file, dpi=150)
