"""What is behind the person: two colours, lights or boards, often out of focus."""

import numpy as np
from PIL import Image, ImageDraw

from drawing.canvas import SIZE, Canvas, blend, smooth_noise
from drawing.colours import sample_colour


def draw_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fill the canvas with a backdrop."""
    side = int(rng.choice((20, 40, 112)))  # the smaller, the further it is out of focus
    right, down = np.outer(rng.normal(0, 0.5, 2), np.linspace(-1, 1, side))
    weight = 0.5 + right + down[:, None] + 0.3 * smooth_noise(rng, (side, side), side / 8)
    picture = blend(sample_colour(rng), sample_colour(rng), np.clip(weight, 0, 1))
    image = Image.fromarray((picture * 255).astype(np.uint8).transpose(1, 2, 0).copy())
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(20) * (rng.random() < 0.5)):
        left, top, width, height = (rng.uniform(0, (side, side, side / 2, side / 2))).tolist()
        paint = draw.ellipse if width < height / 2 else draw.rectangle
        colour = tuple((255 * sample_colour(rng)).astype(int).tolist())
        paint((left, top, left + width, top + height), fill=colour)
    image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    canvas.image[:] = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
