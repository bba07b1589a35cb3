"""Who is drawn: what is sampled of a person before the first stroke.

Amounts are 1 where they are average, except where 0 is; angles are in radians.
"""

import math

import numpy as np

from drawing.canvas import SIZE
from drawing.colours import GREY, HAIR, IRISES, SKIN, between


def around(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """Return a normal number kept within two deviations."""
    return float(mean + deviation * np.clip(rng.standard_normal(), -2, 2))


class Pose:
    """Where the head is and how it is turned.

    ``yaw`` > 0 turns the face to the image's right, ``pitch`` > 0 downwards. ``side`` is the
    shorter side of the landmarks' bounding box and ``centre`` its middle, in pixels.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.yaw = around(rng, 0, math.radians(13))
        self.pitch = around(rng, math.radians(1), math.radians(5))
        self.roll = around(rng, 0, math.radians(6))
        self.side = float(rng.uniform(98, 120))
        slack = (SIZE - 1.35 * self.side) / 2
        across, down = rng.uniform(-0.6, 0.6), rng.uniform(-0.35, 0.35)
        self.centre = np.array((SIZE / 2 + across * slack, SIZE * 0.545 + down * slack))
        self.perspective = float(rng.uniform(0.02, 0.08))


class Build:
    """The head's proportions."""

    def __init__(self, rng: np.random.Generator, femininity: float, age: float) -> None:
        male = 1 - femininity
        self.length = around(rng, 1.0, 0.045)
        self.jaw = around(rng, 0.965 + 0.06 * male, 0.035)
        self.chin = around(rng, 0.85 + 0.3 * male, 0.14)
        self.eye_size = around(rng, 1.07 - 0.1 * male, 0.06)
        self.eye_spacing = around(rng, 1.0, 0.035)
        self.brow_height = around(rng, 0.03 * femininity, 0.025)
        self.brow_arch = around(rng, 0.8 + 0.3 * femininity, 0.2)
        self.brow_weight = around(rng, 0.8 + 0.45 * male, 0.1)
        self.nose_length = around(rng, 1.0, 0.05)
        self.nose_width = around(rng, 0.93 + 0.12 * male, 0.1)
        self.mouth_width = around(rng, 1.0, 0.08)
        self.lips = around(rng, 1.1 - 0.2 * male - 0.2 * age, 0.2)
        self.hairline = around(rng, 0.0, 0.07) - 0.12 * age * male
        self.neck = around(rng, 0.60 + 0.12 * male, 0.04)


class Expression:
    """What the face does; ``gap`` is between the lips, ``eyes_open`` (image left, right)."""

    def __init__(self, rng: np.random.Generator) -> None:
        smiles, speaks = rng.random() < 0.5, rng.random() < 0.55
        self.smile = float(rng.uniform(0.4, 1)) if smiles else around(rng, 0, 0.15)
        self.gap = float(rng.uniform(0.08, 0.2 if smiles else 0.4)) if speaks else 0.0
        self.eyes_open = around(rng, 1.0, 0.14), around(rng, 1.0, 0.14)
        self.brows_up = around(rng, 0, 0.4)
        self.gaze = around(rng, 0, 0.35), around(rng, 0, 0.2)


class Look:
    """Colours of skin, hair and eyes, RGB in [0, 1]; a beard's kind, "" for none."""

    def __init__(self, rng: np.random.Generator, femininity: float, age: float) -> None:
        darkness = float(rng.beta(1.1, 1.6))
        warmth = around(rng, 0.005, 0.02)
        self.skin = between(SKIN, darkness) * (1 + warmth, 1, 1 - warmth)
        self.hair = _hair_colour(rng, darkness, age)
        self.brows = np.clip(0.75 * self.hair + 0.1 * self.skin, 0, 0.6)
        self.iris = between(IRISES, rng.random() * (1 - darkness)) * rng.uniform(0.8, 1.2)
        self.lips = self.skin * (0.88, 0.62, 0.62)
        if rng.random() < femininity - 0.35:
            lipstick = np.array((rng.uniform(0.5, 0.85), rng.uniform(0.08, 0.35), 0.25))
            self.lips += rng.uniform(0.3, 0.9) * (lipstick - self.lips)
        kinds = ("", "stubble", "full", "goatee")
        self.beard = "" if femininity > 0.45 else str(rng.choice(kinds, p=(0.3, 0.35, 0.2, 0.15)))


def _hair_colour(rng: np.random.Generator, darkness: float, age: float) -> np.ndarray:
    tone = between(HAIR, rng.random() * max(1 - 1.3 * darkness, 0.2))
    grey = np.clip((age - 0.55) * 2.5 * rng.uniform(0.2, 1.3), 0, 0.95)
    tone += grey * (GREY * rng.uniform(0.8, 1.2) - tone)
    return np.clip(tone, 0, 1)


class Light:
    """A lamp: ``direction`` points towards it (x right, y down, z to the viewer)."""

    def __init__(self, rng: np.random.Generator) -> None:
        across = math.radians(around(rng, 0, 32))
        above = math.radians(around(rng, 28, 14))
        right, forwards = math.sin(across) * math.cos(above), math.cos(across) * math.cos(above)
        self.direction = np.array((right, -math.sin(above), forwards), np.float32)
        self.ambient = float(rng.uniform(0.4, 0.8))
        warmth = around(rng, 0.01, 0.03)
        self.tint = np.array((1 + warmth, 1, 1 - warmth)) * around(rng, 0.97, 0.06)


class Person:
    """Everything sampled about the head itself; what it wears is sampled where it is drawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.femininity, age = float(rng.random()), float(rng.beta(1.3, 1.9))
        self.pose, self.light, self.expression = Pose(rng), Light(rng), Expression(rng)
        self.build = Build(rng, self.femininity, age)
        self.look = Look(rng, self.femininity, age)
