"""Errors that a user caused and can mend."""


class UserError(ValueError):
    """A mistake in the user's input: the message says what was expected, what came, what to do.

    Commands and stages print it as one line, without a traceback, and exit with status 1.
    """
