"""What went wrong in DVC, and what to do, in one line."""

import re
import signal
from collections.abc import Iterator

from pkdn import shortages
from pkdn.pipeline.presence import RWLOCK

DOCTOR = "`python -m pkdn doctor --fix` mends it"
CLONE = "run this in a clone of the repository, whose history names the results"
# The first class, from the outermost error inwards, that is in here; by name, so that nothing of
# DVC is loaded for it.
ADVICE = {
    "CyclicGraphError": "a stage in dvc.yaml depends on itself, by way of others: take out one of "
    "the dependencies",
    "OutputDuplicationError": "let one stage alone make it, in dvc.yaml",
    "OverlappingOutputPathsError": "let one stage alone make it, in dvc.yaml",
    "StagePathAsOutputError": "let one stage alone make it, in dvc.yaml",
    "ArgumentDuplicationError": "name it once, in dvc.yaml",
    "CircularDependencyError": "take it out of the stage's dependencies or of its outputs",
    "NotDvcRepoError": "run this in a clone of the repository; where .dvc is gone, take it back: "
    "`git checkout -- .dvc`",
    "SCMError": CLONE,
    "NoSCMError": CLONE,
    "RWLockFileCorruptedError": f"{DOCTOR}, or delete {RWLOCK} while no DVC runs",
    "RWLockFileFormatError": f"{DOCTOR}, or delete {RWLOCK} while no DVC runs",
    "DependencyDoesNotExistError": "put it back, as with `git checkout -- FILE`, or run the stage "
    "that makes it",
    "OutputDoesNotExistError": "let the stage write it, or take it out of its outputs in dvc.yaml",
    "OutputIsIgnoredError": "take it out of .dvcignore",
    "ResolveError": "mend dvc.yaml, or params.yaml, which it reads",
    "ContextError": "mend dvc.yaml, or params.yaml, which it reads",
    "StageFileDoesNotExistError": "run this from the root of the repository",
    "YAMLValidationError": "mend it, or take back your changes with `git checkout -- dvc.yaml`",
    "ParseError": "mend it, or take back your changes with `git checkout -- FILE`",
    "ConfigError": "mend .dvc/config or .dvc/config.local",
    "ObjectFormatError": f"DVC's cache is broken; {DOCTOR}",
    "CacheLinkError": f"DVC's cache cannot be linked or copied into the workspace; {DOCTOR}",
    "CheckoutError": f"DVC's cache lacks it; {DOCTOR}",
    "DiskError": "delete .dvc/tmp and try again",
}
TRY_AGAIN = "see the whole text in the log, and try again; `python -m pkdn doctor` looks for causes"


def explain(error: BaseException) -> str:
    """Return what an error of DVC means to a user: what came, and what to do."""
    chain = list(causes(error))
    for one in reversed(chain):
        if isinstance(one, OSError) and (told := shortages.line(one)):
            return told
    for one in chain:
        if type(one).__name__ == "StageCmdFailedError":
            return _end_of_stage(str(one))
        if type(one).__name__ == "YAMLSyntaxError":
            return _broken_yaml(one)
        for kind in type(one).__mro__:
            if kind.__name__ in ADVICE:
                return f"{_text(one)}: {ADVICE[kind.__name__]}"
    return f"{_text(chain[-1])}: {TRY_AGAIN}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what caused it, what caused that…"""
    current: BaseException | None = error
    while current is not None:
        yield current
        inner = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or inner


def ending(status: int) -> str:
    """Say how a process ended: by a status, negative for a signal, or 128 + signal as shells do."""
    number = -status if status < 0 else status - 128
    if number <= 0 or number not in list(signal.Signals):
        return f"it ended with status {status}, without an error line"
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"it was killed ({name}), mostly for want of memory: free some, or use fewer jobs"
    return f"it was ended by {name}"


def _end_of_stage(message: str) -> str:
    found = re.search(r"exited with (-?\d+)$", message)
    return ending(int(found[1])) if found else message


def _broken_yaml(error: BaseException) -> str:
    file = getattr(error, "relpath", "a file")
    parser = getattr(getattr(error, "exc", None), "__cause__", None)
    mark = getattr(parser, "problem_mark", None)
    line = f" in line {mark.line + 1}" if mark else ""
    conflict = ", where git left the marks of a conflict" if getattr(error, "hint", "") else ""
    advice = f"mend it, or take back your changes with `git checkout -- {file}`"
    if str(file).endswith("dvc.lock"):
        advice = f"{DOCTOR}: without the file, what is in the cache is taken from there"
    return f"{file}: expected YAML, got something else{line}{conflict}; {advice}"


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".:")
    return text or type(error).__name__
