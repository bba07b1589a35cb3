"""What a network frees, its next step takes again, without asking the system."""

import platform
import subprocess
import sys

import pytest

MIB = 64
PAGES_TAKEN_AGAIN = f"""
import resource
from pkdn.training.memory import KEEPING, USUAL, follow

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

%s
bytearray({MIB} << 20)
before = faults()
bytearray({MIB} << 20)
print((faults() - before) * resource.getpagesize() >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize(
    ("told", "expected"),
    [("", MIB), ("follow(KEEPING)", 0), ("follow(KEEPING)\nfollow(USUAL)", MIB)],
)
def test_freed_memory_is_taken_again_where_it_is_kept(told: str, expected: int) -> None:
    command = [sys.executable, "-c", PAGES_TAKEN_AGAIN % told]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) == pytest.approx(expected, abs=2)
