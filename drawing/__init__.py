"""Drawn faces: a person is sampled, posed in three dimensions and painted layer by layer.

:func:`drawing.face.draw_face` is the way in.
"""
