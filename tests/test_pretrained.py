"""The public parser checkpoint: what is taken, and what is refused."""

import hashlib
import os
from pathlib import Path

import pytest
import torch

from pkdn.errors import UserError
from pkdn.parsing import pretrained
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.maps import Parser, load_parser, save_parser
from pkdn.parsing.pretrained import CHECKPOINT, read_checkpoint


def checkpoint(path: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    state = {**BiSeNet().state_dict(), **changes}
    torch.save({name: value for name, value in state.items() if value is not None}, path)
    return path


def test_a_checkpoint_becomes_a_parser_of_the_same_weights(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pth")
    network = read_checkpoint(path)
    out = tmp_path / "parser.safetensors"
    save_parser(Parser(network, pretrained.INPUT_SIZE, torch.device("cpu")), out)
    loaded = load_parser(out, torch.device("cpu"))
    assert loaded.input_size == 512
    expected = torch.load(path, weights_only=True)
    found = loaded.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harmed",)


def test_no_code_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"cp.resnet.conv1.weight": Harmful()}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"expected tensors by their names in .*a\.pth"):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ffm.conv1.weight": None}, r"it lacks ffm\.conv1\.weight: this is another"),
        ({"module.x": torch.zeros(1)}, r"has besides module\.x"),
        ({"conv_out.conv_out.weight": torch.zeros(11, 256, 1, 1)}, "in another shape conv_out"),
        (
            {f"ffm.conv{i}.weight": None for i in (1, 2)}
            | {f"cp.arm{i}.conv_atten.weight": None for i in (16, 32)},
            "and 1 more",
        ),
        ({"epoch": 3}, r"got 'epoch', which is none: fetch it again"),
    ],
)
def test_other_checkpoints_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_checkpoint(checkpoint(tmp_path / "a.pth", **changes))


@pytest.mark.parametrize("content", [b"", b"<html>quota</html>", bytes(5000)])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(UserError, match="fetch it again"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_list_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"expected tensors by their names .* got a list"):
        read_checkpoint(tmp_path / "a.pth")


def test_it_is_taken_from_mirror_or_downloads_if_it_is_the_published_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror/bisenet").mkdir(parents=True)
    path = checkpoint(tmp_path / "mirror/bisenet" / CHECKPOINT.name)
    monkeypatch.setenv("PKDN_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(UserError, match=r"expected parsing_bisenet\.pth, 53,289,463 bytes"):
        pretrained.locate()
    content = path.read_bytes()
    checksum = "sha256:" + hashlib.sha256(content).hexdigest()
    published = CHECKPOINT._replace(num_bytes=len(content), checksum=checksum, sources=())
    monkeypatch.setattr(pretrained, "CHECKPOINT", published)
    assert pretrained.locate() == path
    monkeypatch.delenv("PKDN_MIRROR")
    mine = Path("data/downloads/bisenet") / CHECKPOINT.name
    with pytest.raises(UserError, match="facexlib"):
        pretrained.locate()
    mine.write_bytes(content)
    assert pretrained.locate() == mine


def test_published_facts() -> None:
    assert CHECKPOINT.num_bytes == 53_289_463
    assert CHECKPOINT.checksum.startswith("sha256:468e13ca13a9b43cc0881a9f99083a43")
