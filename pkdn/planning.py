"""From the parameters to the runs that they ask for, each with just what it depends on.

A run's file changes when something changes that the run depends on, and DVC runs it again then:
a student whose loss has no λ_FS knows nothing of λ_FS.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pkdn import closure, provenance, runs, systems
from pkdn.errors import UserError
from pkdn.params import Distillation, Params, RecipeValues
from pkdn.runs import DRAWN, OWN, Planned, RunId
from pkdn.systems import FULL, PKDN_NETWORK, VARIANTS, Subject, Variant

DATASETS = Path(__file__).parent / "data" / "datasets"
METRICS = Path(__file__).parent / "metrics"
JUDGES = Path(__file__).parent / "perceptual"
FILE_NAME = re.compile("[a-z][a-z0-9_]*")
PARSER = RunId("parser")
COMPLEXITY = RunId("complexity")
TRAINS = "stages.train"
WEIGHT = "lambda_"
"""How parameters that are weights of loss terms begin."""
WITHOUT_LABELS = ("celeba", "celeba_dic", "helen", "lfw")
"""Data sets without label maps, which no parser can be trained on or judged by."""
WITH_LANDMARKS = (DRAWN, "helen", "celeba_dic")
"""Data sets whose photos all have 68 landmarks of their own: none are looked for there."""
OF_THE_AUTHORS = ("steps", "threads", "skip_bad_steps")
"""What a training by its authors' recipe takes from the one recipe, or may take."""


def plan(params: Params) -> list[Planned]:
    """Return every run that the parameters ask for, but for the plan itself.

    Raises:
        UserError: a name in them is none of a data set, network or variant, or the user's photos
            are where stages write.
    """
    check_names(params)
    _check_folder(params)
    found = [*_of_photos(params), *_of_parser(params)]
    for dataset in params.datasets:
        found.append(_parse(dataset))
        for seed in params.seeds:
            for subject in subjects(params):
                training = _training(params, subject, dataset, seed)
                found += [training, _evaluation(params, training)]
            final = systems.PKDN.run(dataset, seed)
            network = {"network": PKDN_NETWORK}
            reads = {"weights": final.weights}
            found.append(Planned(RunId("model", dataset, FULL, seed), reads, {}, network))
    found.append(Planned(COMPLEXITY, {}, {}, _complexity(params)))
    found.append(_report(params))
    return found


def notes(params: Params) -> list[str]:
    """Return what is worth knowing of parameters before hours go into them."""
    photos = [name for name in params.datasets if name != DRAWN]
    if not photos or params.parser == "pretrained" or params.parser_dataset != DRAWN:
        return []
    return [
        f"the parser learns from drawn faces alone, and has never seen any such as those of "
        f"{', '.join(photos)}: its maps, and so the teachers, may be poor; set parser_dataset to "
        "celebamask_hq or to folder, with labelled faces of your own, or parser to pretrained"
    ]


def subjects(params: Params) -> list[Subject]:
    """Return everything that is trained, for any data set and seed."""
    return [
        *(Subject("baseline", name) for name in systems.in_order(params.networks)),
        *(Subject("authors", name) for name in systems.in_order(params.authors_recipes)),
        *(Subject("student", name) for name in (*params.ablations, *params.loss_ablations)),
        *(Subject("teacher", name) for name in params.ablations),
    ]


def datasets() -> list[str]:
    """Return the names of all data sets, sorted."""
    return _names(DATASETS)


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("[a-z]*.py"))


def check_names(params: Params) -> None:
    """Refuse names that stand for nothing.

    Raises:
        UserError: the first such name, with those that there are.
    """
    judges = _names(JUDGES)
    teachers = [name for name, variant in VARIANTS.items() if variant.teacher == name]
    with_recipe = [name for name in systems.names() if systems.system(name).has_recipe]
    # dvc.yaml lets the stages of these depend on the full teacher.
    losses = [n for n, variant in VARIANTS.items() if variant.teacher == FULL and n != FULL]
    for key, names, known in (
        ("datasets", params.datasets, datasets()),
        ("parser_dataset", (params.parser_dataset,), datasets()),
        ("networks", params.networks, systems.names()),
        ("authors_recipes", params.authors_recipes, with_recipe),
        ("ablations", params.ablations, teachers),
        ("loss_ablations", params.loss_ablations, losses),
        ("metrics", params.metrics, judges),
    ):
        for name in names:
            if name not in known:
                raise UserError(
                    f"params.yaml: {key}: expected names out of {', '.join(known)}; got {name!r}"
                )
    if params.parser_dataset in WITHOUT_LABELS:
        raise UserError(
            "params.yaml: parser_dataset: expected a data set with label maps, such as "
            "celebamask_hq, folder with images/ and labels/, or synthetic; got "
            f"{params.parser_dataset}, which has none"
        )
    if alone := [name for name in params.authors_recipes if name not in params.networks]:
        raise UserError(
            "params.yaml: authors_recipes: expected some of `networks`, to be trained a second "
            f"time, got {', '.join(alone)} beside them: add to `networks` what is missing there, "
            "or leave it out, such as by -S 'authors_recipes=[]'"
        )
    if FULL not in params.ablations:
        raise UserError(
            f"params.yaml: ablations: expected {FULL} among them, with which all are compared; "
            f"got {list(params.ablations)}: add it"
        )
    by_dataset = [*datasets(), runs.OTHERS]
    _check_keys(
        f"params.yaml: profiles.{params.profile}.training.steps", params.training.steps, by_dataset
    )
    for name in params.authors_recipes:
        found = dict.fromkeys(systems.system(name).recipe_datasets)
        _check_keys(f"pkdn/networks/{name}.py: RECIPE", found, by_dataset)
    trained = [*systems.names(), PARSER.stage, runs.OTHERS]
    _check_keys("params.yaml: skip_bad_steps", params.skip_bad_steps, trained)
    declared = _declared()
    _check_files()
    _check_terms()
    _check_networks(params, declared["baseline"])
    for name in dict.fromkeys((*params.datasets, params.parser_dataset)):
        _check_dataset(name, declared)


def _check_keys(place: str, found: object, known: Sequence[str]) -> None:
    """Refuse values by names of which one is not known; a single value is for all.

    Raises:
        UserError: the first such name.
    """
    for name in found if isinstance(found, Mapping) else ():
        if name not in known:
            raise UserError(
                f"{place}: expected names out of {', '.join(known)}; got {name!r}: mend it"
            )


def _check_files() -> None:
    """Refuse files that would not be found by their names, or metrics that lack what they need.

    Raises:
        UserError: the first such file.
    """
    metric = (("TITLE",), ("COLUMNS",))
    for folder, needed in (
        (systems.NETWORKS, ()),
        (DATASETS, ()),
        (METRICS, (*metric, ("score", "score_labels"))),
        (JUDGES, (*metric, ("load",))),
    ):
        for file in sorted(folder.glob("[!_.]*.py")):
            shown = file.relative_to(closure.ROOT).as_posix()
            if not FILE_NAME.fullmatch(file.stem):
                raise UserError(
                    f"expected a name of small letters, digits and _, which begins with a letter, "
                    f"got {shown}: rename it"
                )
            if needed:
                _check_offers(file, needed, "the __init__.py beside it")


def _check_offers(file: Path, needed: Iterable[Sequence[str]], described: str) -> None:
    """Refuse a file that lacks, of each group of names, every one at its top.

    Raises:
        UserError: the first such group; it is told where it is described.
    """
    shown = file.relative_to(closure.ROOT).as_posix()
    offered = systems.top_names(file, shown)
    for names in needed:
        if not offered & {*names}:
            raise UserError(
                f"expected {' or '.join(names)} in {shown}, found none: add what {described} "
                "describes"
            )


def _check_terms() -> None:
    """Refuse loss terms without a parameter, parameters without a term, and variants of neither.

    Raises:
        UserError: the first that is found.
    """
    weights = [name for name in Distillation.model_fields if name.startswith(WEIGHT)]
    if {*weights} != {*systems.TERMS}:
        raise UserError(
            f"expected the weights {', '.join(weights)} of pkdn/params.py in TERMS of "
            f"pkdn/systems.py, got {', '.join(systems.TERMS)}: add what is missing to either"
        )
    for name, variant in VARIANTS.items():
        if odd := [term for term in variant.terms if term not in systems.TERMS]:
            raise UserError(
                f"pkdn/systems.py: expected terms out of {', '.join(systems.TERMS)} in the variant "
                f"{name}, got {odd[0]}: mend its name"
            )


def _check_folder(params: Params) -> None:
    """Refuse the user's photos where stages replace and delete what they find.

    Raises:
        UserError: they are there.
    """
    if OWN not in (*params.datasets, params.parser_dataset):
        return
    place = provenance.place_of_stages(provenance.main_repository() / params.folder)
    if place:
        raise UserError(
            f"params.yaml: folder: expected a folder of your own photos, apart from {place}, where "
            f"stages write and delete; got {params.folder}: move the photos, such as to photos/"
        )


def _check_networks(params: Params, declared: Sequence[str]) -> None:
    """Refuse networks that lack the size, share a title, or rest on code that DVC does not see.

    Raises:
        UserError: the first such network.
    """
    titles: dict[str, str] = {}
    for name in dict.fromkeys((*params.networks, *params.authors_recipes, PKDN_NETWORK)):
        system = systems.system(name)
        if params.chosen.size not in system.sizes:
            raise UserError(
                f"params.yaml: profiles.{params.profile}.size: expected a size that {name} has, "
                f"one of {', '.join(system.sizes)}; got {params.chosen.size!r}: add "
                f"it to {' and '.join(system.size_tables)} in pkdn/networks/{name}.py, or choose "
                "another"
            )
        if systems.PAPER_SIZE not in system.sizes:
            raise UserError(
                f"expected the size {systems.PAPER_SIZE!r}, whose cost the report tells, in "
                f"{' and '.join(system.size_tables)} of pkdn/networks/{name}.py, got "
                f"{', '.join(system.sizes) or 'none'}: add it, such as {{}} for the defaults"
            )
        if (other := titles.setdefault(system.title, name)) != name:
            raise UserError(
                f"expected a TITLE of its own in pkdn/networks/{name}.py, got {system.title!r}, "
                f"which is that of {other}; change it"
            )
        seen = [path.replace("${item.network}", name) for path in declared]
        if unseen := _unseen(TRAINS, f"pkdn.networks.{name}", seen):
            raise UserError(
                f"expected pkdn/networks/{name}.py to rest on {', '.join(seen)} alone, got "
                f"{unseen[0]}: DVC would not train it again where that changes; move what it needs "
                "into that file, or, where networks share it, to pkdn/networks/layers, on which "
                "all of them depend, so that all are trained again"
            )


def _check_dataset(name: str, declared: Mapping[str, Sequence[str]]) -> None:
    """Refuse a data set that lacks what it has to offer, or rests on code that DVC does not see.

    Raises:
        UserError: it does.
    """
    needed = (("catalogue",), ("read",), ("PARTS", "locate"))
    where = "the class Dataset in pkdn/data/datasets/__init__.py"
    _check_offers(DATASETS / f"{name}.py", needed, where)
    for stage in ("download", "align"):
        seen = [path.replace("${item.dataset}", name) for path in declared[stage]]
        if unseen := _unseen(f"stages.{stage}", f"pkdn.data.datasets.{name}", seen):
            raise UserError(
                f"expected pkdn/data/datasets/{name}.py to rest on {', '.join(seen)} alone, got "
                f"{unseen[0]}: DVC would not list or cut its photos again where that changes; move "
                "what it needs to pkdn/data/photos"
            )


def _declared() -> dict[str, list[str]]:
    """Return the code on which ``dvc.yaml`` lets each stage depend."""
    stages = yaml.safe_load((closure.ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {
        name: [dep for dep in stage["deps"] if dep.split("/")[0] in closure.PACKAGES]
        for name, stage in stages.items()
    }


def _unseen(script: str, module: str, seen: Iterable[str]) -> list[str]:
    """Return the files of code that a stage with a module rests on and that are not among these."""
    watched = [closure.ROOT / path for path in seen]
    code = closure.code(script, module)
    found = [file for file in code if not any(file.is_relative_to(path) for path in watched)]
    return sorted(file.relative_to(closure.ROOT).as_posix() for file in found)


def _of_photos(params: Params) -> Iterator[Planned]:
    for dataset in params.datasets:
        settings = _photos(params, dataset)
        photos = runs.PHOTOS / dataset
        yield Planned(RunId("download", dataset), {}, {"photos": photos}, settings)
        faces = {"faces": runs.FACES / dataset}
        found = settings | _landmarks(params, dataset)
        yield Planned(RunId("align", dataset), {"photos": photos}, faces, found)


def _landmarks(params: Params, dataset: str) -> dict[str, Any]:
    """Return the parameter `landmarks` where it changes something."""
    if params.landmarks == "given" or dataset in WITH_LANDMARKS:
        return {}
    return params.model_dump(include={"landmarks"})


def _photos(params: Params, dataset: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"dataset": dataset}
    if dataset == OWN:
        settings["folder"] = params.folder
    if dataset == DRAWN:
        counts = params.synthetic.model_dump()
        settings |= {"seed": counts.pop("seed"), "counts": counts}
    return settings


def _of_parser(params: Params) -> Iterator[Planned]:
    dataset = params.parser_dataset
    labelled = {"faces": runs.LABELLED}
    yield Planned(RunId("labelled"), {}, labelled, _photos(params, dataset))
    values = params.chosen.parser.model_dump()
    trained = {key: values.pop(key) for key in ("input_size", "recipe")}
    settings: dict[str, Any] = {"parser": params.parser, "dataset": dataset}
    if params.parser == "trained":
        values["skip_bad_steps"] = params.may_skip(PARSER.stage)
        settings |= {"precision": params.precision, **trained, "training": values}
    yield Planned(PARSER, labelled, {}, settings)


def _parse(dataset: str) -> Planned:
    reads = {"faces": runs.FACES / dataset, "parser": PARSER.weights}
    return Planned(RunId("parse", dataset), reads, {"maps": runs.MAPS / dataset}, {})


def _training(params: Params, subject: Subject, dataset: str, seed: int) -> Planned:
    reads = {"faces": runs.FACES / dataset, "maps": runs.MAPS / dataset}
    of_pkdn = subject.stage in ("teacher", "student")
    network = PKDN_NETWORK if of_pkdn else subject.system
    settings: dict[str, Any] = {
        "network": network,
        "is_teacher": subject.stage == "teacher",
        "size": params.chosen.size,
        "arguments": {},
        "precision": params.precision,
        "distillation": {},
    }
    if params.compile != "off":
        settings["compile"] = params.compile
    if network == PKDN_NETWORK:
        settings["arguments"] = {"global_residual": params.training.global_residual}
    if subject.stage == "teacher":
        settings["arguments"] |= VARIANTS[subject.system].teacher_arguments
    if subject.stage == "student":
        variant = VARIANTS[subject.system]
        assert variant.teacher is not None
        reads["teacher"] = RunId("teacher", dataset, variant.teacher, seed).weights
        settings["distillation"] = _distillation(params, variant)
    elif subject.stage == "baseline" and systems.system(network).has_teacher:
        settings["distillation"] = _distillation(params, VARIANTS[FULL])
    recipe = {name: getattr(params.training, name) for name in RecipeValues.model_fields}
    recipe["steps"] = params.training.num_steps(dataset)
    recipe["skip_bad_steps"] = params.may_skip(network)
    if subject.stage == "authors":
        kept = {name: recipe[name] for name in OF_THE_AUTHORS}
        settings["authors"] = {"dataset": dataset, **kept, **params.chosen.authors.model_dump()}
    else:
        settings["recipe"] = recipe
    return Planned(subject.run(dataset, seed), reads, {}, settings)


def _distillation(params: Params, variant: Variant) -> dict[str, Any]:
    """Return what a student's loss takes from the parameters."""
    found = params.training.model_dump(include={*variant.terms, "distill_epochs"})
    if variant.fade is not None:
        found["distill_epochs"] = params.training.fade_epochs if variant.fade else 0
    return found


def _evaluation(params: Params, training: Planned) -> Planned:
    dataset = training.id.dataset
    reads = {
        "faces": runs.FACES / dataset,
        "maps": runs.MAPS / dataset,
        "parser": PARSER.weights,
        "weights": training.id.weights,
    }
    settings = dict(training.settings)
    if params.metrics:
        settings["metrics"] = list(params.metrics)
    return Planned(training.id.evaluation(), reads, {}, settings)


def _complexity(params: Params) -> dict[str, Any]:
    networks = systems.in_order([*params.networks, PKDN_NETWORK])
    size = params.chosen.size
    sizes = list(dict.fromkeys((size, systems.PAPER_SIZE)))
    return {"networks": networks, "size": size, "sizes": sizes, "precision": params.precision}


def _in_words(steps: int | Mapping[str, int]) -> int | str:
    """Return a number as it is, and numbers by name as text."""
    if isinstance(steps, int):
        return steps
    return ", ".join(f"{number:,} of {name}" for name, number in steps.items())


def _report(params: Params) -> Planned:
    lists = {name: value for name, value in params if isinstance(value, tuple)}
    authors = params.chosen.authors.model_dump()
    shown = {
        **params.training.model_dump(),
        "steps": ", ".join(f"{params.training.num_steps(d):,} on {d}" for d in params.datasets),
        "authors: most steps": authors["most_steps"] or "theirs",
        "authors: largest batch": authors["largest_batch"] or "theirs",
        "authors: rates times": authors["rate_factor"],
        "precision": params.precision,
        "skip_bad_steps": _in_words(params.skip_bad_steps),
        **params.model_dump(include={"parser", "parser_dataset"}),
    }
    if params.compile != "off":
        shown["compile"] = params.compile
    for dataset in params.datasets:
        shown |= _landmarks(params, dataset)
    trained_on = params.parser_dataset if params.parser == "trained" else None
    settings = {
        **lists,
        "profile": params.profile,
        "size": params.chosen.size,
        "parser_dataset": trained_on,
        "authors": authors,
        "shown": shown,
    }
    first = {"first_faces": runs.FACES / params.datasets[0], "costs": COMPLEXITY.folder}
    reads = {"runs": runs.RUNS, "faces": runs.FACES, **first}
    return Planned(RunId("report"), reads, {}, settings)
