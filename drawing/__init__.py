"""Drawn faces, painted layer by layer: :func:`drawing.face.draw_face` is the way in."""
