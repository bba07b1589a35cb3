"""What the parameters ask for, and the files that their names stand for, is looked at beforehand.

A mistake in either costs a line before the first stage, in the place of a traceback after hours.
"""

from collections.abc import Iterable, Mapping, Sequence

import yaml

from pkdn import closure, offers, provenance, runs, systems
from pkdn.errors import UserError
from pkdn.params import Distillation, Params
from pkdn.runs import OWN, PARSER
from pkdn.systems import FULL, PKDN_NETWORK, VARIANTS

TRAINS = "stages.train"
WEIGHT = "lambda_"
"""How parameters that are weights of loss terms begin."""


def check(params: Params) -> None:
    """Refuse parameters by which no run can be planned.

    Raises:
        UserError: a name in them is none of a data set, network or variant, a file of the project
            lacks what it has to offer or rests on code that DVC does not see, or the user's photos
            are where stages write.
    """
    _check_names(params)
    offers.check_files()
    for found_by_name in ("pkdn.metrics", "pkdn.perceptual"):
        _check_beside(*closure.within(found_by_name))
    _check_terms()
    declared = _declared()
    _check_networks(params, declared["baseline"])
    for name in dict.fromkeys((*params.datasets, params.parser_dataset)):
        _check_dataset(name, declared)
    _check_folder(params)


def datasets() -> list[str]:
    """Return the names of all data sets, sorted."""
    return closure.found_by_name([offers.DATASETS])


def _check_names(params: Params) -> None:
    """Refuse names that stand for nothing, and lists of which one lacks what another needs.

    Raises:
        UserError: the first such name, with those that there are.
    """
    judges = closure.found_by_name([offers.JUDGES])
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
    if not offers.has(params.parser_dataset, offers.LABELS):
        raise UserError(
            "params.yaml: parser_dataset: expected a data set with label maps, such as "
            "celebamask_hq, folder with images/ and labels/, or synthetic; got "
            f"{params.parser_dataset}, whose file does not say {offers.LABELS} = True"
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
        _check_beside(TRAINS, f"pkdn.networks.{name}")
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
    offers.check(offers.DATASETS / f"{name}.py", needed, where)
    _check_beside(f"pkdn.data.datasets.{name}")
    for stage in ("download", "align"):
        seen = [path.replace("${item.dataset}", name) for path in declared[stage]]
        if unseen := _unseen(f"stages.{stage}", f"pkdn.data.datasets.{name}", seen):
            raise UserError(
                f"expected pkdn/data/datasets/{name}.py to rest on {', '.join(seen)} alone, got "
                f"{unseen[0]}: DVC would not list or cut its photos again where that changes; move "
                "what it needs to pkdn/data/photos"
            )


def _check_beside(*modules: str) -> None:
    """Refuse code that lies in the repository where neither DVC nor the records look.

    Raises:
        UserError: a module rests on such.
    """
    for name, file in closure.beside(*modules):
        raise UserError(
            f"expected {file.relative_to(closure.ROOT).as_posix()} to rest on code in "
            f"{', '.join(f'{package}/' for package in closure.PACKAGES)}, got {name}, which lies "
            "beside them: DVC would not run anything again where that changes; move what it needs "
            "into that file"
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
