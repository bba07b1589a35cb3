"""dlib's models of faces: where one is, its 68 landmarks, and whose it is.

They come with the extra ``faces`` and need no network. The detector looks for upright faces that
look towards the camera, by histograms of gradients; landmarks are in the order of 300-W's.
"""

from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from pkdn.errors import UserError

TERMS = (
    "faces are found by dlib; its model of the 68 landmarks was trained on iBUG 300-W, whose terms "
    "allow non-commercial use alone"
)
_LOCK = Lock()
"""dlib's models must not be called by two threads at once."""


class NoDetectorError(UserError):
    """What finds faces is not installed."""


def rectangles(image: np.ndarray) -> list[Any]:
    """Return dlib's rectangle of every face of 80 pixels a side or more, the largest first.

    Args:
        image: RGB, uint8, (H, W, 3).

    Raises:
        NoDetectorError: the extra ``faces`` is not installed.
    """
    detect, _ = _models()
    with _LOCK:
        found = detect(np.ascontiguousarray(image))
    return sorted(found, key=lambda rectangle: -rectangle.width())


def shape(image: np.ndarray, rectangle: Any) -> Any:
    """Return dlib's 68 landmarks of the face in a rectangle, as :func:`descriptor` takes them."""
    _, predict = _models()
    with _LOCK:
        return predict(np.ascontiguousarray(image), rectangle)


def points(found: Any) -> np.ndarray:
    """Return the places of landmarks in an image, float32 (68, 2).

    dlib counts pixels, and here the centre of the top left pixel is (0.5, 0.5).
    """
    return np.array([(point.x, point.y) for point in found.parts()], np.float32) + 0.5


def descriptor(image: np.ndarray, found: Any) -> np.ndarray:
    """Return what tells whose face it is, float64 (128,), cut out by its landmarks.

    Descriptors of one person lie less than 0.6 apart, by dlib's account.
    """
    recognition = _recognition()
    with _LOCK:
        return np.array(recognition.compute_face_descriptor(np.ascontiguousarray(image), found))


def version() -> str:
    """Return what finds faces, and in which versions.

    Raises:
        NoDetectorError: the extra ``faces`` is not installed.
    """
    dlib, files = _packages()
    return f"dlib {dlib.__version__}, models {files.__version__}"


def was_used() -> bool:
    """Return whether this process has looked for faces."""
    return _models.cache_info().currsize > 0


@cache
def _models() -> tuple[Any, Any]:
    """Load the detector and the model of the landmarks: 100 MB, in half a second."""
    dlib, files = _packages()
    predictor = dlib.shape_predictor(files.pose_predictor_model_location())
    return dlib.get_frontal_face_detector(), predictor


@cache
def _recognition() -> Any:
    dlib, files = _packages()
    return dlib.face_recognition_model_v1(files.face_recognition_model_location())


def _packages() -> tuple[Any, Any]:
    try:
        import dlib
        import face_recognition_models
    except ImportError as error:
        raise NoDetectorError(
            f"expected dlib and its models to find faces, got: {error}; install them by "
            "`pip install -e '.[faces]'`"
        ) from None
    return dlib, face_recognition_models
