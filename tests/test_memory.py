"""What a network frees stays with the process, for its next step."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 64
GIVEN_BACK = f"""
import resource
from pathlib import Path
from pkdn.training.memory import KEEPING, USUAL, follow

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

%s
held = bytearray({MIB} << 20)
before = resident()
del held
print(before - resident() >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("", MIB),
        ("follow(KEEPING)", 0),
        ("follow(KEEPING)\nfollow(USUAL)", MIB),
        ("import pkdn; pkdn.load()", MIB),  # in a program of others
    ],
)
def test_freed_memory_goes_back_to_the_system_unless_it_is_kept(
    told: str, expected: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", GIVEN_BACK % told]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) == pytest.approx(expected, abs=2)
