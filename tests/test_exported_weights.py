import argparse
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pkdn import networks, provenance, weights
from pkdn.commands import export_weights
from pkdn.errors import UserError
from pkdn.runs import RunId

STUDENT = RunId("student", "helen", "full", 0)
RECIPE = {
    "size": "demo",
    "steps": 4200,
    "batch_size": 8,
    "optimizer": "Adam",
    "learning_rate": 0.001,
    "schedule": "one cycle",
    "augment": "mirror",
    "keep": "best",
    "lambda_ts": 0.1,
    "lambda_fs": 1.0,
    "distill_epochs": 0,
}


def write_record(root: Path, run: RunId, metrics: dict, params: dict) -> None:
    record = {
        "stage": run.stage,
        "tags": {**vars(run), "precision": "fp32"},
        "params": params,
        "metrics": metrics,
        "revision": "0123abc",
        "started": "2026-11-24T10:00:00+00:00",
        "machine": {"processor": "Test CPU", "gpu": None},
    }
    path = root / run.record
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def write_parser(root: Path, dataset: str, parser: str = "trained") -> None:
    write_record(root, RunId("parser", dataset), {}, {"parser": parser})
    folder = root / RunId("parser").folder
    (folder / dataset / "record.json").rename(folder / "record.json")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A student of Helen with the records of its runs."""
    description = networks.describe("pkdn", "demo")
    torch.manual_seed(0)
    file = tmp_path / STUDENT.weights
    networks.save(description.build(), description, file)
    write_record(tmp_path, STUDENT, {"kept_step": 1918.0}, RECIPE)
    faces = {"train_faces": 1100.0, "val_faces": 50.0, "test_faces": 50.0}
    write_record(tmp_path, RunId("align", "helen"), faces, {})
    write_parser(tmp_path, "helen")
    for subject, psnr in ((STUDENT, 25.5), (RunId("baseline", "helen", "bicubic", 0), 23.85)):
        scores = {"y_crop8.psnr": psnr, "y_crop8.ssim": 0.7, "dic.psnr": 1.0}
        write_record(tmp_path, subject.evaluation(), scores, {})
    return file


def test_found_landmarks_are_among_the_terms(trained: Path) -> None:
    assert "has found the landmarks" not in weights.card_of(trained)["terms"]
    path = trained.parents[2] / "align" / "helen" / "record.json"
    record = json.loads(path.read_text())
    record["tags"]["detector"] = "dlib 20.0.1"
    path.write_text(json.dumps(record))
    assert "alone has found the landmarks of the faces." in weights.card_of(trained)["terms"]


@pytest.mark.parametrize(
    ("dataset", "parser", "told"),
    [
        ("helen", "trained", "for non-commercial research alone."),
        ("folder", "trained", "alone. The parser of the faces learnt from folder (the photographs"),
        ("celebamask_hq", "pretrained", "alone. The pretrained parser was trained on CelebA"),
        ("synthetic", "trained", "research alone."),
        ("gone", "trained", "The parser of the faces learnt from gone (the terms of the data set"),
    ],
)
def test_what_the_parser_learnt_from_is_among_the_terms(
    trained: Path, dataset: str, parser: str, told: str
) -> None:
    write_parser(trained.parents[4], dataset, parser)
    assert told in weights.card_of(trained)["terms"]


def test_a_data_set_without_terms_is_told_from_one_with_them(trained: Path) -> None:
    assert weights.card_of(trained)["terms"].startswith("300-W gives")
    (trained.parents[2] / "align/helen").rename(trained.parents[2] / "align/lfw")
    record = json.loads((trained.parent / "record.json").read_text())
    record["tags"]["dataset"] = "lfw"
    (trained.parent / "record.json").write_text(json.dumps(record))
    scored = trained.parents[2] / "evaluate_student"
    (scored / "helen-full-0").rename(scored / "lfw-full-0")
    assert weights.card_of(trained)["terms"].startswith("The terms of the data set apply: ask")


def test_exported_weights_are_the_same_network_and_say_what_they_learnt(
    trained: Path, tmp_path: Path
) -> None:
    file = weights.export(trained, tmp_path / "out")
    assert file.name == "student-helen-full-0.safetensors"
    before, after = networks.load(trained).state_dict(), networks.load(file).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for expected in (
        "1,100 faces",
        "non-commercial",
        "step 1,918",
        "25.50 dB",
        "23.85 dB",
        "0123abc",
    ):
        assert expected in text
    line, warning = weights.told(file)
    assert "trained on 1,100 photographs of helen for 4,200 steps on 2026-11-24" in line
    assert not warning


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (STUDENT, "a student of PKDN (Yang et al."),
        (RunId("baseline", "helen", "pkdn", 0), "arXiv 2409.14385), trained without a teacher"),
        (RunId("baseline", "helen", "sparnet", 0), "SPARNet, trained as PKDN's networks are"),
        (RunId("authors", "helen", "dic", 0), "DIC, trained by its authors' recipe"),
    ],
)
def test_a_card_says_whose_network_it_is(run: RunId, what: str, trained: Path) -> None:
    root = trained.parents[4]
    write_record(root, run, {"kept_step": 7.0}, RECIPE)
    write_record(root, run.evaluation(), {"y_crop8.psnr": 25.0, "y_crop8.ssim": 0.7}, {})
    file = root / run.weights
    if run != STUDENT:
        file.write_bytes(trained.read_bytes())
    exported = weights.export(file, root / "out")
    assert f"holds {what}" in (root / "out/README.md").read_text() or run.system == "pkdn"
    assert what in (root / "out/README.md").read_text()
    told = weights.told(exported)[0]
    assert (what in told) == (run != STUDENT)


def test_weights_beside_their_records_are_told_as_well(trained: Path) -> None:
    assert "trained on 1,100 photographs of helen" in weights.told(trained)[0]
    record = trained.with_name("record.json")
    text = record.read_text(encoding="utf-8").replace('"helen"', '"synthetic"')
    record.write_text(text, encoding="utf-8")
    aligned = trained.parents[2] / "align" / "helen"
    aligned.rename(aligned.with_name("synthetic"))
    scores = trained.parents[2] / "evaluate_student" / "helen-full-0"
    scores.rename(scores.with_name("synthetic-full-0"))
    assert weights.told(trained)[1].startswith("these weights have seen drawn faces alone")


def test_weights_without_records_are_used_with_a_warning_and_not_exported(
    trained: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "mine.safetensors"
    alone.write_bytes(trained.read_bytes())
    line, warning = weights.told(alone)
    assert "mine.safetensors" in line
    assert "nothing is known of the faces" in warning
    with pytest.raises(UserError, match=r"expected the record of a run in .*record\.json"):
        weights.export(alone, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def noted(root: Path, run: RunId, **values: object) -> None:
    file = root / run.record
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_scores_of_other_weights_or_faces_are_not_handed_on(trained: Path, tmp_path: Path) -> None:
    scored, bicubic = STUDENT.evaluation(), RunId("evaluate_baseline", "helen", "bicubic", 0)
    noted(tmp_path, scored, weights=provenance.sha256(trained)[:16])
    weights.export(trained, tmp_path / "out")
    noted(tmp_path, scored, weights="0" * 16)
    with pytest.raises(UserError, match=r"expected scores of the weights of .*to its end"):
        weights.export(trained, tmp_path / "more")
    noted(tmp_path, scored, weights=None)
    noted(
        tmp_path, STUDENT, datasets=[{"digest": "a", "counts": {"train": 7, "val": 5, "test": 5}}]
    )
    noted(tmp_path, bicubic, datasets=[{"digest": "b"}])
    with pytest.raises(UserError, match=r"of the faces of .*evaluate_baseline/helen-bicubic-0/"):
        weights.export(trained, tmp_path / "more")
    assert not (tmp_path / "more").exists()
    assert "trained on 7 photographs" in weights.told(trained)[0]


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ("A nice model", "names no network"),
        ("[]", "names no network"),
        ("3", "names no network"),
        (
            '{"network": "pkdn", "role": "student", "arguments": {}}',
            "expected STUDENT in pkdn/netw",
        ),
        ('{"network": "bicubic", "role": "teacher", "arguments": {}}', "expected TEACHER in"),
    ],
)
def test_what_others_note_in_a_file_is_no_traceback(
    tmp_path: Path, described: str, told: str
) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, file, {"description": described})
    with pytest.raises(UserError, match=told):
        networks.load(file)


@pytest.mark.parametrize("card", ["a fine student", {}, {"faces": {"train": 3}}])
def test_a_card_of_others_that_says_something_else_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: object
) -> None:
    monkeypatch.setattr(networks, "card", lambda _: card)
    with pytest.raises(UserError, match=r"expected a whole .*get it again from whom you have it"):
        weights.told(tmp_path / "theirs.safetensors")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    description = networks.describe("pkdn", "demo")
    network, file = description.build(), tmp_path / "weights.safetensors"
    next(network.parameters()).data[0] = torch.nan
    networks.save(network, description, file)
    with pytest.raises(UserError, match="expected finite numbers in the weights of"):
        networks.load(file)


def test_only_a_file_of_a_students_weights_is_exported(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder or not there: name the file, such as data/"):
        weights.export(trained.parent, tmp_path / "out")
    record = trained.with_name("record.json")
    record.write_text(record.read_text().replace('"student"', '"teacher"'))
    with pytest.raises(UserError, match=r"expected the weights of a student, got .*, a teacher's"):
        weights.export(trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_student_of_photographs_one_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="found none: name a student with --weights, such as"):
        export_weights.main(argparse.Namespace(weights=None, output=tmp_path / "out"))


@pytest.mark.parametrize(
    ("run", "content"),
    [
        (STUDENT, "[]"),
        (STUDENT, '{"stage": "student", "tags": []}'),
        (STUDENT.evaluation(), "[]"),
        (STUDENT.evaluation(), '{"metrics": {}}'),
        (RunId("align", "helen"), '{"metrics": {}}'),
    ],
)
def test_broken_records_are_named(trained: Path, tmp_path: Path, run: RunId, content: str) -> None:
    record = tmp_path / run.record
    record.write_text(content)
    with pytest.raises(UserError, match=f"expected a whole {record}, got "):
        weights.export(trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(UserError, match="expected a folder that is new or empty"):
        weights.export(trained, tmp_path / "out")


def test_weights_that_were_copied_with_their_record_alone_are_told_as_such(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for name in ("weights.safetensors", "record.json"):
        (Path("mine") / name).write_bytes((trained.parent / name).read_bytes())
    _, warning = weights.told(Path("mine/weights.safetensors"))
    assert warning == "nothing is known of the faces that they were trained on"
