import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import own_params
import pytest
import torch
from PIL import Image

from pkdn import commands, networks, upscaling
from pkdn.__main__ import main
from pkdn.commands import networks as listing
from pkdn.commands import upscale
from pkdn.data.photos.crops import centre_box, crop_image
from pkdn.data.photos.framing import Framing, read_faces
from pkdn.data.photos.photo import Box
from pkdn.errors import UserError
from pkdn.networks.pkdn import PKDN
from pkdn.reports.faces import CAPTION, GAP, HEADING, TILE
from pkdn.runs import RUNS, RunId
from pkdn.training.resampling import quantize, to_float

SIZES = {"width": 8, "num_blocks": 1, "global_residual": True}


def pkdn(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pkdn", *words], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "student.safetensors"
    torch.manual_seed(0)
    networks.save(PKDN(**SIZES), networks.Description("pkdn", "network", SIZES), file)
    return file


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (200, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("command", ["repro", "doctor", "recipes"])
def test_without_the_environment_one_line_says_how_to_activate_it(command: str) -> None:
    run = "import runpy; runpy.run_module('pkdn', run_name='__main__', alter_sys=True)"
    absent = f"dict.fromkeys({['filelock', 'pydantic', 'torch', 'yaml']})"
    code = f"import sys; sys.modules |= {absent}; sys.argv[1:] = [{command!r}]; {run}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "error: expected the package " in done.stderr
    assert "source .venv/bin/activate" in done.stderr


def test_the_program_of_another_clone_is_refused(tmp_path: Path) -> None:
    """Its code would run here in the place of this folder's own, which may have other networks."""
    (tmp_path / "pkdn").mkdir()
    (tmp_path / "pkdn/__main__.py").touch()
    root = Path(__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import pkdn.__main__ as m; m.script()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(
        f"error: expected to run the code of this folder, got that of {root}"
    )
    assert "python -m pkdn" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["recipes", "--profile", "demo"]])
def test_a_reader_that_has_gone_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    own_params.write(tmp_path)
    program = subprocess.Popen(
        [sys.executable, "-m", "pkdn", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout
    program.stdout.close()
    _, told = program.communicate()
    assert told == ""


def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    own_params.write(tmp_path)
    done = subprocess.run(
        ["sh", "-c", '"$0" -m pkdn recipes --profile demo >&-', sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_alone_it_lists_its_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (entry,) = entry_points(group="console_scripts", name="pkdn")
    monkeypatch.setattr(sys, "argv", ["/bin/pkdn"])
    monkeypatch.setenv("COLUMNS", "200")
    entry.load()()
    listed = capsys.readouterr().out
    for module in iter_modules(commands.__path__):
        assert f"\n    {module.name.replace('_', '-')}" in listed
    assert listed.startswith("usage: pkdn ")


def test_networks_lists_the_student_at_the_papers_size() -> None:
    done = pkdn("networks", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["title"]: row for row in json.loads(done.stdout)["networks"]}
    assert rows["PKDN"]["parameters"] == 5_203_995
    assert rows["PKDN"]["gmac"] == pytest.approx(13.7, abs=0.05)
    assert rows["PKDN teacher"]["parameters"] == 4_294_307
    assert rows["KDFSRNet teacher"]["gmac"] == pytest.approx(5.7, abs=0.05)


def test_networks_prints_a_table_of_any_size() -> None:
    done = pkdn("networks", "--size", "small")
    assert done.returncode == 0, done.stderr
    assert "networks at the size small" in done.stdout
    assert "635,499" in done.stdout


def test_networks_of_no_such_size_are_one_line() -> None:
    done = pkdn("networks", "--size", "huge")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "error: --size: expected one of demo, small, paper, or one in the SIZES" in done.stderr


def test_networks_are_counted_once_for_each_state_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = list[str]()

    def counted(name: str, size: str) -> list[dict[str, str]]:
        times.append(name)
        return [{"network": name, "size": size}]

    monkeypatch.setattr("pkdn.complexity.rows", counted)
    monkeypatch.setattr(listing, "COUNTED", tmp_path)
    first = listing._counted("demo")
    assert listing._counted("demo") == first and len(times) == len(first)
    monkeypatch.setattr(listing, "versions", lambda: {"torch": "another"})
    listing._counted("demo")
    (tmp_path / "demo.json").write_text('{"mark":')
    assert listing._counted("demo") == first
    assert len(times) == 3 * len(first)


def test_upscale_is_the_network(tmp_path: Path, model: Path, pixels: np.ndarray) -> None:
    face = pixels[:16, :16]
    Image.fromarray(face).save(tmp_path / "ein Gesicht.png")
    done = pkdn(
        "upscale",
        str(tmp_path / "ein Gesicht.png"),
        str(tmp_path / "sr.png"),
        "--weights",
        str(model),
    )
    assert done.returncode == 0, done.stderr
    faces = to_float(torch.from_numpy(face).permute(2, 0, 1)[None])
    with torch.no_grad():
        expected = quantize(networks.load(model)(faces))[0].permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "sr.png")), expected)


def test_upscale_walks_a_folder_and_skips_what_is_no_photo(
    tmp_path: Path, model: Path, pixels: np.ndarray
) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/b.png"):
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    out = tmp_path / "in" / "out.1"  # results are not looked at when it runs again
    words = ("upscale", str(tmp_path / "in"), str(out), "--weights", str(model))
    refused = pkdn(*words)
    assert refused.returncode == 1
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: 0 faces written to {out}, 2 of 2 photos skipped, such as")
    assert "expected a face of 16×16 pixels" in last
    assert "--degrade" in last
    assert not out.exists()
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    for _ in range(2):
        done = pkdn(*words, "--framed")
        assert done.returncode == 0
        assert "pipe.jpg cannot be read (it is no regular file)" in done.stderr
        sheet = out.with_name("out.1-sheet.png")
        expected = f"2 faces written to {out}, compared in {sheet}; 1 of 3 photos skipped"
        assert done.stdout.splitlines()[-1] == expected
        assert sheet.exists()
    written = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.*"))
    assert written == ["a.png", "sub/b.png"]
    assert all(np.asarray(Image.open(out / name)).shape == (128, 128, 3) for name in written)


def test_the_sheet_shows_input_bicubic_result_and_photo(
    tmp_path: Path, model: Path, pixels: np.ndarray
) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels[:16, :16]).save(tmp_path / "in" / "a.png")
    Image.fromarray(pixels[:128, :128]).save(tmp_path / "in" / "b.png")
    out = tmp_path / "out"
    done = pkdn("upscale", str(tmp_path / "in"), str(out), "--weights", str(model), "--framed")
    assert done.returncode == 0, done.stderr
    sheet = np.asarray(Image.open(tmp_path / "out-sheet.png").convert("RGB"))
    small = Image.fromarray(pixels[:128, :128]).resize((16, 16), Image.Resampling.BICUBIC)
    expected = [
        np.asarray(small).repeat(8, 0).repeat(8, 1),
        np.asarray(small.resize((128, 128), Image.Resampling.BICUBIC)),
        np.asarray(Image.open(out / "b.png")),
        pixels[:128, :128],
    ]
    top = HEADING + TILE + CAPTION
    for column, tile in enumerate(expected):
        left = GAP + column * (TILE + GAP)
        assert np.array_equal(sheet[top : top + TILE, left : left + TILE], tile)
    left = GAP + 3 * (TILE + GAP)  # of a face of 16×16 pixels there is no photo
    assert (sheet[HEADING : HEADING + TILE // 3, left:] == 255).all()


def states() -> dict[Path, tuple[int, int, int]]:
    """Return what changes when one of the images here is written."""
    found = {file: file.stat() for file in Path().rglob("*.png")}
    return {file: (of.st_ino, of.st_size, of.st_mtime_ns) for file, of in found.items()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.png", "."), "one where a.png would be written over"),
        (("link.png", "a.png"), "one where link.png would be written over"),
        (("in", "in"), "another folder for OUT than IN, got in"),
        (("a-sheet.png", "a.png"), "one where a-sheet.png would be written over"),
        (("--all-faces", "a-1.png", "a.png"), "one where a-1.png would be written over"),
        (("a.png", "taken.png"), "write the file taken-sheet.png, got a folder"),
        (("a.png", "in/b.png"), "one where in/b.png would be written over, which does not say"),
        (("in", "others"), "one where others/b.png would be written over, which does not say"),
        (
            ("--all-faces", "in/b.png", "a.png"),
            "one where a-1.png would be written over, which does",
        ),
        (("in/b.png", "a.webp"), "one where a-sheet.png would be written over, which does not"),
    ],
)
def test_upscale_writes_over_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("taken-sheet.png").mkdir()
    Path("others").mkdir()
    for name in ("a.png", "a-1.png", "a-sheet.png", "in/b.png", "others/b.png"):
        Image.new("RGB", (16, 16)).save(name)
    Path("link.png").symlink_to("a.png")
    before = states()
    done = pkdn("upscale", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert states() == before


@pytest.mark.parametrize("name", ["sr.png", "sr.jpg", "sr.tif", "sr.webp"])
def test_results_are_written_over_by_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs, sheet = [(tmp_path / "face.png", tmp_path / name)], tmp_path / "sr-sheet.png"
    upscale._write(np.zeros((128, 128, 3), np.uint8), tmp_path / name)
    upscale._write_sheet([("face.png", [np.zeros((16, 16, 3), np.uint8)] * 4)], sheet)
    upscale.check_places(pairs, sheet, numbered=False)
    Image.open(name).convert("RGB").save("again.png")
    with pytest.raises(UserError, match=r"again\.png would be written over"):
        upscale.check_places(
            [(tmp_path / "face.png", tmp_path / "again.png")], sheet, numbered=False
        )


def test_a_photo_whose_name_ends_in_a_year_is_no_result_of_several_faces(tmp_path: Path) -> None:
    for name in ("holiday-2024.png", "holiday-07.png"):
        (tmp_path / name).touch()
    pairs, sheet = [(tmp_path / "face.png", tmp_path / "holiday.png")], tmp_path / "sheet.png"
    upscale.check_places(pairs, sheet, numbered=True)
    (tmp_path / "holiday-7.png").touch()
    with pytest.raises(UserError, match=r"holiday-7\.png would be written over"):
        upscale.check_places(pairs, sheet, numbered=True)


def test_upscale_takes_files_of_any_name(tmp_path: Path, model: Path) -> None:
    (tmp_path / "in").mkdir()
    names = ("caf\udce9.png", "\u4e2d\u6587.png", "a$\\frac$.png", f"{'l' * 246}.png")
    for name in names:
        Image.new("RGB", (16, 16)).save(os.fsencode(tmp_path / "in" / name))
    done = pkdn("upscale", str(tmp_path / "in"), str(tmp_path / "out"), "--weights", str(model))
    assert done.returncode == 0, done.stderr
    assert "UserWarning" not in done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == set(names)
    assert (tmp_path / "out-sheet.png").is_file()


def test_letters_that_an_encoding_lacks_are_written_by_their_numbers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pkdn", "upscale", "--help"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"to 128\xd7128" in done.stdout


def test_upscale_reads_photos_as_the_stages_do(tmp_path: Path) -> None:
    pixels = np.zeros((90, 70, 4), np.uint8)
    pixels[..., :3] = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    pixels[:45, :, 3] = 255
    exif = Image.Exif()
    exif[274] = 3  # to be shown upside down
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    (face,) = read_faces(tmp_path / "photo.png", Framing(framed=True))
    upright = np.where(pixels[..., 3:] == 0, 255, pixels[..., :3])[::-1, ::-1]
    assert np.array_equal(face, crop_image(np.ascontiguousarray(upright), centre_box(70, 90)))
    (tmp_path / "photo.png").write_bytes(b"no photo")
    with pytest.raises(UserError, match=r"cannot read the image .*photo.png: it cannot be decoded"):
        read_faces(tmp_path / "photo.png", Framing(framed=True))


def test_a_box_on_a_face_as_it_is_would_do_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "face.png")
    with pytest.raises(UserError, match="--box: expected a photo of more than 16×16 pixels"):
        read_faces(tmp_path / "face.png", Framing(box=Box(1, 2, 9, 9)))


def test_upscale_takes_the_full_student_of_photographs_or_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    RUNS.mkdir(parents=True)
    assert upscaling.default_weights() == upscaling.SHIPPED
    runs = [
        RunId("student", dataset, system, 0)
        for dataset, system in [("synthetic", "full"), ("helen", "onehot"), ("helen", "full")]
    ]
    for run, expected in zip(runs, [upscaling.SHIPPED] * 2 + [runs[2].weights], strict=True):
        run.folder.mkdir(parents=True)
        run.weights.touch()
        assert upscaling.default_weights() == expected
    for seed in (11, 2):  # of several seeds, the lowest
        shutil.copytree(runs[2].folder, RunId("student", "helen", "full", seed).folder)
        assert upscaling.default_weights() == runs[2].weights
    shutil.rmtree(runs[2].folder)
    assert upscaling.default_weights() == RunId("student", "helen", "full", 2).weights
    shutil.copytree(
        RunId("student", "helen", "full", 2).folder, RunId("student", "lfw", "full", 0).folder
    )
    with pytest.raises(UserError, match=r"2 data sets .*--weights: .*lfw-full-0.*helen-full-2"):
        upscaling.default_weights()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("upscale", "nowhere.png", "out.png"), "found nothing"),
        (("upscale", ".", "out"), "expected images"),
        (("upscale", ".", "out", "--box", "1,2,3,4"), "expected a single photo"),
        (("upscale", "face.png", "file/sr.png"), "to write sr.png into, got the file file"),
        (("export-onnx", "file/sr.onnx"), "to write sr.onnx into, got the file file"),
        (("sync",), "found no such folder; run `dvc repro`"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    if "face.png" in words:
        Image.new("RGB", (16, 16)).save("face.png")
    done = pkdn(*words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_outside_of_a_clone_its_students_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, clone = tmp_path / "photos", tmp_path / "clone"
    photos.mkdir()
    monkeypatch.chdir(photos)
    monkeypatch.setattr(upscaling, "SHIPPED", clone / "weights" / "student.safetensors")
    trained = clone / RunId("student", "helen", "full", 0).weights
    trained.parent.mkdir(parents=True)
    trained.touch()
    assert upscaling.default_weights() == trained
    assert upscaling.chosen_weights("helen-full-0") == trained
    with pytest.raises(UserError, match=r"clone/data/runs/student \(helen-full-0\), got lfw"):
        upscaling.chosen_weights("lfw")
    RUNS.mkdir(parents=True)  # a clone of its own
    assert upscaling.default_weights() == upscaling.SHIPPED


def test_upscale_works_before_anything_was_trained_here(tmp_path: Path) -> None:
    (tmp_path / RUNS).mkdir(parents=True)
    Image.new("RGB", (16, 16)).save(tmp_path / "face.png")
    done = subprocess.run(
        [sys.executable, "-m", "pkdn", "upscale", "face.png", "sr.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "size small, trained on 1,100 photographs of helen" in done.stdout
    assert done.stderr == ""
    with Image.open(tmp_path / "sr.png") as sr_image:
        assert sr_image.size == (128, 128)


def test_recipes_tell_the_authors_lengths_and_milestones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = own_params.values()["profiles"]
    authors = {"most_steps": 0, "largest_batch": 0, "rate_factor": 1}
    profiles["paper"] = {**profiles["demo"], "size": "paper", "authors": authors}
    own_params.write(tmp_path, profiles=profiles)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pkdn", "recipes", "--profile", "paper", "--dataset", "helen"])
    main()
    printed = " ".join(capsys.readouterr().out.split())
    for expected in ("1,955 training faces in the paper", "150,000", "5115.1", "fading"):
        assert expected in printed
    assert "steps in all, every seed and variant counted" in printed
    monkeypatch.setattr("sys.argv", ["pkdn", "recipes", "--dataset", "Helen"])
    with pytest.raises(UserError, match=r"--dataset: expected one of .*helen.*, got 'Helen'"):
        main()
    monkeypatch.setattr("sys.argv", ["pkdn", "recipes", "--profile", "huge"])
    with pytest.raises(
        UserError, match="--profile: expected one of demo, small, paper, got 'huge'"
    ):
        main()


@pytest.mark.parametrize(
    ("variant", "told"), [("constant", "2 runs with"), ("no_lambda_fs", "3 runs with")]
)
def test_recipes_count_once_what_two_variants_share(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
    told: str,
) -> None:
    lists = {"networks": ["bicubic"], "authors_recipes": [], "ablations": ["full"]}
    own_params.write(tmp_path, distill_epochs=0, loss_ablations=[variant], **lists)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pkdn", "recipes"])
    main()
    printed = capsys.readouterr().out
    assert told in printed
    assert ("not counted: 1 that" in printed) is (variant == "constant")
