"""How one number of a metric is shown in a table."""

from typing import Literal, NamedTuple


class Column(NamedTuple):
    """One number of a metric.

    Attributes:
        key: Its name in the dictionary that the metric returns.
        title: Its heading, without unit and arrow.
        arrow: The direction in which the number improves.
        decimals: Digits after the point.
        unit: Its unit, empty where it has none.
    """

    key: str
    title: str
    arrow: Literal["↑", "↓"]
    decimals: int
    unit: str
