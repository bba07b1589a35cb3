"""Who is drawn: how a person is sampled before the first stroke."""

import math

import numpy as np

from drawing.canvas import SIZE
from drawing.colours import (
    GREY_HAIR,
    HAIR_COLOURS,
    IRIS_COLOURS,
    sample_colour,
    skin_tone,
)
from drawing.traits import Build, Complexion, Expression, Light, Person, Pose


def _around(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """Return a normal number kept within two deviations."""
    return float(mean + deviation * np.clip(rng.standard_normal(), -2, 2))


def _pose(rng: np.random.Generator) -> Pose:
    side = float(rng.uniform(98, 120))
    slack = (SIZE - 1.35 * side) / 2
    return Pose(
        yaw=_around(rng, 0, math.radians(13)),
        pitch=_around(rng, math.radians(1), math.radians(5)),
        roll=_around(rng, 0, math.radians(6)),
        side=side,
        centre=(
            SIZE / 2 + float(rng.uniform(-0.6, 0.6)) * slack,
            SIZE * 0.545 + float(rng.uniform(-0.35, 0.35)) * slack,
        ),
        perspective=float(rng.uniform(0.02, 0.08)),
    )


def _build(rng: np.random.Generator, femininity: float, age: float) -> Build:
    male = 1 - femininity
    return Build(
        length=_around(rng, 1.0, 0.045),
        jaw=_around(rng, 0.965 + 0.06 * male, 0.035),
        chin=_around(rng, 0.85 + 0.3 * male, 0.14),
        cheeks=_around(rng, 0.0, 0.5),
        eye_size=_around(rng, 1.07 - 0.1 * male, 0.06),
        eye_roundness=_around(rng, 1.0, 0.16),
        eye_spacing=_around(rng, 1.0, 0.035),
        eye_tilt=_around(rng, 0.015, 0.02),
        brow_height=_around(rng, 0.03 * femininity, 0.025),
        brow_arch=_around(rng, 0.8 + 0.35 * femininity, 0.3),
        brow_weight=_around(rng, 0.78 + 0.45 * male, 0.15),
        nose_length=_around(rng, 1.0, 0.05),
        nose_width=_around(rng, 0.93 + 0.12 * male, 0.1),
        nose_depth=_around(rng, 1.0, 0.12),
        mouth_width=_around(rng, 1.0, 0.08),
        upper_lip=_around(rng, 1.1 - 0.25 * male - 0.25 * age, 0.2),
        lower_lip=_around(rng, 1.1 - 0.15 * male - 0.2 * age, 0.18),
        ear_size=_around(rng, 1.0, 0.08),
        hairline=_around(rng, 0.0, 0.07) - 0.12 * age * male,
        neck=_around(rng, 0.60 + 0.12 * male, 0.04),
        lopsided=_around(rng, 0.0, 0.012),
    )


def _expression(rng: np.random.Generator) -> Expression:
    mood = rng.random()
    smile = float(rng.uniform(0.4, 1)) if mood < 0.5 else _around(rng, 0, 0.15)
    gap = 0.0
    if mood < 0.33:
        gap = float(rng.uniform(0.08, 0.2))
    elif mood > 0.72:
        gap = float(rng.uniform(0.05, 0.42)) * (1 if mood > 0.85 else 0.5)
    eyes_open = _around(rng, 1.0 - 0.15 * max(smile, 0), 0.14) + 0.25 * max(gap - 0.2, 0)
    brows = _around(rng, 0.0, 0.4) + 1.2 * max(gap - 0.2, 0)
    wink = float(rng.uniform(0.1, 0.3)) if rng.random() < 0.04 else 1.0
    sides = [eyes_open, eyes_open * wink]
    rng.shuffle(sides)
    return Expression(
        smile=smile,
        gap=gap,
        eyes_open=(sides[0], sides[1]),
        brows_up=(brows + _around(rng, 0, 0.15), brows + _around(rng, 0, 0.15)),
        frown=max(_around(rng, -0.2, 0.4), 0.0),
        gaze=(_around(rng, 0, 0.35), _around(rng, 0, 0.2)),
        smirk=_around(rng, 0, 0.15),
    )


def _beard(rng: np.random.Generator, femininity: float) -> tuple[str, float]:
    """Return a beard's kind ("" for none) and the amount of stubble."""
    if femininity > 0.45:
        return "", 0.0
    kind = str(rng.choice(["", "full", "goatee", "moustache"], p=[0.62, 0.2, 0.1, 0.08]))
    stubble = float(rng.uniform(0.2, 1)) if rng.random() < 0.6 else 0.0
    return kind, stubble


def _hair_colour(rng: np.random.Generator, darkness: float, age: float) -> np.ndarray:
    if rng.random() < 0.03:
        return sample_colour(rng, 0.2, 0.6)
    last = len(HAIR_COLOURS) - 1
    reach = max(1 - 1.3 * darkness, 0.25)
    colour = HAIR_COLOURS[int(min(rng.random() * (last + 1.5) * reach, last))]
    grey = float(np.clip((age - 0.55) * 2.5 * rng.uniform(0.2, 1.3), 0, 0.95))
    tone = colour * rng.uniform(0.85, 1.15)
    tone += grey * (GREY_HAIR * rng.uniform(0.8, 1.2) - tone)
    return np.clip(tone, 0, 1).astype(np.float32)


def _lips(rng: np.random.Generator, skin: np.ndarray, femininity: float) -> np.ndarray:
    lips = skin * (0.88, 0.62, 0.62)
    if rng.random() < femininity - 0.35:
        lipstick = np.array((rng.uniform(0.5, 0.85), rng.uniform(0.08, 0.35), 0.25))
        lips = lips + rng.uniform(0.3, 0.9) * (lipstick - lips)
    return lips.astype(np.float32)


def _complexion(rng: np.random.Generator, femininity: float, age: float) -> Complexion:
    darkness = float(rng.beta(1.1, 1.6))
    skin = skin_tone(darkness, _around(rng, 0.005, 0.02))
    hair = _hair_colour(rng, darkness, age)
    iris = IRIS_COLOURS[rng.integers(2 if darkness > 0.5 else len(IRIS_COLOURS))]
    beard, stubble = _beard(rng, femininity)
    return Complexion(
        skin=skin,
        hair=hair,
        brows=np.clip(0.75 * hair + 0.1 * skin, 0, 0.6),
        iris=iris * np.float32(rng.uniform(0.8, 1.2)),
        lips=_lips(rng, skin, femininity),
        age=age,
        shine=float(rng.uniform(0.1, 1)),
        freckles=max(_around(rng, -0.3, 0.5), 0.0) * (1 - darkness),
        blush=float(rng.uniform(0, 0.8)),
        stubble=stubble,
        beard=beard,
        eye_shadow=max(_around(rng, 0.4 * femininity - 0.1, 0.25), 0.0),
        lashes=float(rng.uniform(0.3, 0.6) + 0.6 * femininity * rng.random()),
    )


def _light(rng: np.random.Generator) -> Light:
    across = math.radians(_around(rng, 0, 32))
    above = math.radians(_around(rng, 28, 14))
    level = math.cos(above)
    direction = math.sin(across) * level, -math.sin(above), math.cos(across) * level
    warmth = _around(rng, 0.01, 0.03)
    return Light(
        direction=direction,
        ambient=float(rng.uniform(0.4, 0.8)),
        tint=np.array((1 + warmth, 1.0, 1 - warmth), np.float32)
        * np.float32(_around(rng, 0.97, 0.06)),
    )


def sample_person(rng: np.random.Generator) -> Person:
    """Return a person drawn from the generator."""
    femininity, age = float(rng.random()), float(rng.beta(1.3, 1.9))
    return Person(
        pose=_pose(rng),
        build=_build(rng, femininity, age),
        expression=_expression(rng),
        complexion=_complexion(rng, femininity, age),
        light=_light(rng),
        femininity=femininity,
    )
