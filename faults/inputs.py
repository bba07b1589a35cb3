"""Parameters that make no sense, or mean harm."""

from typing import Any

from faults.laboratory import TEACHER, Laboratory, replan
from faults.results import TRACEBACK, expect_refused
from faults.workplace import Trial

PROOF = "proof"
SHELL = f"0; touch {PROOF}"
HOSTILE: tuple[dict[str, Any], ...] = (
    {"seeds": [SHELL]},
    {"seeds": [-1]},
    {"seeds": [True]},
    {"datasets": [f"synthetic; touch {PROOF}"]},
    {"datasets": ["../../etc"]},
    {"networks": [f"$(touch {PROOF})"]},
    {"networks": ["nothing"]},
    {"ablations": [f"full`touch {PROOF}`"]},
    {"parser_dataset": f"synthetic; touch {PROOF}"},
    {"skip_bad_steps": -1},
    {"precision": "fp16"},
    {"profiles": {}},
)
TEXTS = (
    b"\xff\xfe\x00",
    b"seeds: " + b"[" * 5000,
    b"seeds: [2020-01-01]\n",
    b"profile: &a [*a]\n",
    b"- a list\n",
    b"",
    b"seeds: [1e999]\nprofile: !!python/object/apply:os.system ['touch proof']\n",
)
DIVERGING: tuple[dict[str, Any], ...] = ({"learning_rate": 1000.0}, {"learning_rate": 300.0})
"""The highest rate that the parameters may have, and a lower one."""


def parameters(laboratory: Laboratory) -> None:
    """``params.yaml`` has names and seeds with shell text, wrong types, or is no YAML."""
    for values in HOSTILE:
        with laboratory.trial() as trial:
            replan(trial, plan=False, **values)
            _expect_harmless(trial)
    for text in TEXTS:
        with laboratory.trial() as trial:
            (trial.folder / "params.yaml").write_bytes(text)
            _expect_harmless(trial)


def _expect_harmless(trial: Trial) -> None:
    for words in (("dvc", "repro", "plan"), ("python", "-m", "pkdn", "repro", "--jobs", "2")):
        done = trial.run(*words)
        asked = f"`{' '.join(words)}`"
        trial.expect(done.status != 0, f"{asked} accepted it")
        trial.expect(
            TRACEBACK not in done.output, f"{asked}: traceback in {trial.programs[-1].log}"
        )
    trial.expect(not list(trial.folder.glob(f"**/{PROOF}")), "the shell ran a name")


def divergence(laboratory: Laboratory) -> None:
    """A training gets losses, gradients or weights that are no numbers."""
    for values in DIVERGING:
        with laboratory.trial() as trial:
            replan(trial, **values)
            for _ in range(2):  # also the next time, with what the first has left
                expect_refused(trial, trial.run("python", "-m", "stages.train", TEACHER), "finite")
