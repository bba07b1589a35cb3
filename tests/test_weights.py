from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pkdn import networks
from pkdn.errors import UserError
from pkdn.faces.classes import NUM_CLASSES
from pkdn.files import atomic_folder
from pkdn.networks import sisn
from pkdn.networks.pkdn import PKDN, PKDNTeacher
from pkdn.provenance import Watch
from pkdn.training import tensors

ARGUMENTS = {"width": 8, "num_blocks": 1, "global_residual": True}


def test_a_file_rebuilds_its_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = PKDNTeacher(**ARGUMENTS, encoding="onehot")
    description = networks.Description("pkdn", "teacher", {**ARGUMENTS, "encoding": "onehot"})
    networks.save(teacher, description, tmp_path / "teacher.safetensors")
    loaded = networks.load(tmp_path / "teacher.safetensors")
    assert isinstance(loaded, PKDNTeacher)
    assert not loaded.training
    assert loaded.encode.num_channels == NUM_CLASSES
    for name, value in teacher.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


class Masked(nn.Module):
    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, width, 1) for width in (8, *widths[1:]))
        self.widths = (3,) + widths  # noqa: RUF005, as users write it
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))


def test_a_network_is_built_of_the_very_arguments_that_it_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sisn, "NETWORK", Masked)
    file = tmp_path / "mine.safetensors"
    for widths in ((8, 8), [8, 8]):
        described = networks.Description("sisn", "network", {"widths": widths})
        network = described.build()
        networks.save(network, described, file)
        assert networks.load(file).widths == network.widths == (3, 8, 8)


def test_infinities_that_a_constructor_makes_are_loaded_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sisn, "NETWORK", Masked)
    file = tmp_path / "mine.safetensors"
    described = networks.Description("sisn", "network", {"widths": (8,)})
    network = described.build()
    networks.save(network, described, file)
    assert networks.load(file).mask[1] == -torch.inf
    with torch.no_grad():
        network.layers[0].weight[0] = torch.nan
    networks.save(network, described, file)
    with pytest.raises(UserError, match="expected finite numbers in the weights"):
        networks.load(file)


def test_weights_that_modules_share_are_written(tmp_path: Path) -> None:
    block = nn.Conv2d(1, 1, 1)
    tensors.write(nn.ModuleList([block] * 3).state_dict(), {}, tmp_path / "a.safetensors")
    _, found = tensors.read(tmp_path / "a.safetensors", what="weights", advice="")
    assert {*found} == {f"{n}.{name}" for n in range(3) for name in ("weight", "bias")}
    assert all(found[f"{n}.weight"] == block.weight for n in range(3))


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no file; name another file, or run `dvc repro`"):
        networks.load(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    with pytest.raises(UserError, match="expected weights as safetensors"):
        networks.load(broken)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    with pytest.raises(UserError, match="names no network"):
        networks.load(foreign)
    other = tmp_path / "other.safetensors"
    wide = networks.Description("pkdn", "network", {"width": 16, "num_blocks": 1})
    networks.save(PKDN(**ARGUMENTS), wide, other)
    with pytest.raises(UserError, match="do not fit pkdn as it is now") as refused:
        networks.load(other)
    assert "\n" not in str(refused.value)


def test_weights_that_are_absent_say_why(tmp_path: Path) -> None:
    there, absent = tmp_path / "there.safetensors", tmp_path / "absent.safetensors"
    networks.save(PKDN(**ARGUMENTS), networks.Description("pkdn", "network", ARGUMENTS), there)
    networks.save_absence("needs landmarks", absent)
    assert (networks.absence(there), networks.absence(absent)) == ("", "needs landmarks")
    with pytest.raises(UserError, match="holds no weights: needs landmarks"):
        networks.load(absent)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    # What is made of weights is made again where their file's hash changes.
    description = {"network": "pkdn", "role": "network", "arguments": ARGUMENTS}
    state = {f"tensor{i}": torch.full((2,), float(i)) for i in range(5)}
    contents = set()
    for number in range(20):
        tensors.write(state, description, tmp_path / f"{number}.safetensors")
        contents.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(contents) == 1


def test_weights_that_nobody_declared_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("data/runs/teacher/x/weights.safetensors")
    networks.save_absence("needs landmarks", file)
    with pytest.raises(RuntimeError, match="data were read that the plan does not name"), Watch([]):
        networks.absence(file)
    with Watch([file]):
        networks.absence(file)
    photo = Path("data/mine/a.jpg")  # where no stage writes
    photo.parent.mkdir()
    photo.touch()
    with Watch([]):
        photo.read_bytes()


def test_a_folder_that_is_replaced_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("data/runs/model/x")
    (folder / "model" / "data").mkdir(parents=True)  # as MLflow's models have one
    (folder / "model" / "data" / "model.pth").touch()
    with Watch([folder]), atomic_folder(folder):  # as a stage may read what it made
        pass
    assert not any(folder.iterdir())
