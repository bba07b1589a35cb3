"""The commands of ``python -m pkdn``: one file per command, found by its name.

A command's file holds ``HELP``, one line; ``add_arguments(parser)``; and ``main(args)``, which
raises :class:`pkdn.errors.UserError` for a user's mistake. What takes seconds to import, as
torch does, is imported inside ``main``, so that ``--help`` answers at once.
"""
