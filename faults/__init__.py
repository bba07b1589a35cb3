"""Tries to lose results: kills, broken files, a machine that fails, input that is wrong.

``python -m faults`` works in a copy of the repository, in a temporary folder, with a pipeline of
few faces and few steps; it learns the right answer once, undisturbed, and then compares.
"""
