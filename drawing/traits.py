"""What makes a drawn person: plain data, sampled in :mod:`drawing.person`."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Where the head is and how it is turned; angles in radians, places in pixels.

    ``yaw`` > 0 turns the face to the image's right, ``pitch`` > 0 downwards. ``side`` is the
    shorter side of the landmarks' bounding box.
    """

    yaw: float
    pitch: float
    roll: float
    side: float
    centre: tuple[float, float]
    perspective: float


@dataclass(frozen=True)
class Build:
    """The head's proportions; 1 is average, except where 0 is."""

    length: float
    jaw: float
    chin: float
    cheeks: float
    eye_size: float
    eye_roundness: float
    eye_spacing: float
    eye_tilt: float
    brow_height: float
    brow_arch: float
    brow_weight: float
    nose_length: float
    nose_width: float
    nose_depth: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    ear_size: float
    hairline: float
    neck: float
    lopsided: float


@dataclass(frozen=True)
class Expression:
    """What the face does; pairs are (image left, image right)."""

    smile: float
    gap: float
    eyes_open: tuple[float, float]
    brows_up: tuple[float, float]
    frown: float
    gaze: tuple[float, float]
    smirk: float


@dataclass(frozen=True)
class Complexion:
    """Colours and surface of the skin, hair and eyes; RGB in [0, 1], amounts in [0, 1]."""

    skin: np.ndarray
    hair: np.ndarray
    brows: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    age: float
    shine: float
    freckles: float
    blush: float
    stubble: float
    beard: str
    eye_shadow: float
    lashes: float


@dataclass(frozen=True)
class Light:
    """A lamp: ``direction`` points towards it (x right, y down, z to the viewer)."""

    direction: tuple[float, float, float]
    ambient: float
    tint: np.ndarray


@dataclass(frozen=True)
class Person:
    """Everything sampled about the head itself; what it wears is sampled where it is drawn."""

    pose: Pose
    build: Build
    expression: Expression
    complexion: Complexion
    light: Light
    femininity: float
