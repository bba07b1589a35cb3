"""From the parameters to the runs that they ask for, each with just what it depends on.

A run's file changes when something changes that the run depends on, and DVC runs it again then:
a student whose loss has no λ_FS knows nothing of λ_FS.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pkdn import offers, runs, systems
from pkdn.checks import check
from pkdn.params import Params, RecipeValues
from pkdn.runs import COMPLEXITY, DRAWN, OWN, PARSER, Planned, RunId
from pkdn.systems import FULL, PKDN_NETWORK, VARIANTS, Subject, Variant

OF_THE_AUTHORS = ("steps", "threads", "skip_bad_steps")
"""What a training by its authors' recipe takes from the one recipe, or may take."""


def plan(params: Params) -> list[Planned]:
    """Return every run that the parameters ask for, but for the plan itself.

    Raises:
        UserError: they ask for what there is not, as `check` says.
    """
    check(params)
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
    if params.landmarks == "given" or offers.has(dataset, offers.LANDMARKS):
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
