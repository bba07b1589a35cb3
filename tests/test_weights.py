from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pkdn import weights
from pkdn.errors import UserError
from pkdn.networks.pkdn import PKDN, PKDNTeacher

ARGUMENTS = {"width": 8, "num_blocks": 1, "global_residual": True}


def test_a_file_rebuilds_its_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = PKDNTeacher(**ARGUMENTS, encoding="onehot")
    description = weights.Description("pkdn", "TEACHER", {**ARGUMENTS, "encoding": "onehot"})
    weights.save(teacher, description, tmp_path / "teacher.safetensors")
    loaded = weights.load(tmp_path / "teacher.safetensors")
    assert isinstance(loaded, PKDNTeacher)
    assert not loaded.training
    assert loaded.encoding == "onehot"
    for name, value in teacher.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no file; run `dvc repro`"):
        weights.load(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    with pytest.raises(UserError, match="expected weights as safetensors"):
        weights.load(broken)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    with pytest.raises(UserError, match="names no network"):
        weights.load(foreign)
    other = tmp_path / "other.safetensors"
    wide = weights.Description("pkdn", "NETWORK", {"width": 16, "num_blocks": 1})
    weights.save(PKDN(**ARGUMENTS), wide, other)
    with pytest.raises(UserError, match="do not fit PKDN as it is now"):
        weights.load(other)
