"""The course of an evaluation: check the options, load, measure each table, publish."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__
from restore.cli.configured import configured_words
from restore.cli.details import of_prior
from restore.cli.evaluation_inputs import device_of, networks_of, scorer_of, training_pictures
from restore.cli.evaluation_outputs import OutputFiles
from restore.cli.evaluation_reporter import EvaluationReporter
from restore.cli.printable import printable_lines
from restore.evaluation.selection import Selection

if TYPE_CHECKING:
    from restore.evaluation.cases import Protocol
    from restore.evaluation.pictures import PictureSet
    from restore.evaluation.results import Candidate, Table
    from restore.images.fingerprints import Fingerprints
    from restore.priors.backbone import Backbone
    from restore.priors.protocol import Prior


@dataclass(frozen=True)
class EvaluationRun:
    """The reporter and the outputs of one evaluation. show: how many pictures of a table the report has."""

    reporter: EvaluationReporter
    outputs: OutputFiles
    show: int

    def publish(self, tables: list[Table], facts: dict[str, str]) -> None:
        """Print the facts that all tables share, and write the files."""
        from restore.evaluation.results import Evaluation
        from restore.evaluation.tables import footer

        evaluation = Evaluation(facts, tables, self.reporter.notes)
        if not self.outputs.on_stdout:
            click.echo(printable_lines(footer(evaluation)))
        self.outputs.write(evaluation, self.reporter.wrote)


@contextmanager
def evaluation_run(options: Mapping[str, Any]) -> Iterator[EvaluationRun]:
    """Check the outputs; in the end exit with 1 where something was left out of the numbers."""
    outputs = OutputFiles(options)
    loudness = {name: options[name] for name in ("quiet", "verbose")}
    reporter = EvaluationReporter(**loudness, tables=not outputs.on_stdout)
    try:
        yield EvaluationRun(reporter, outputs, int(options["show"]) if options["report"] else 0)
    finally:
        reporter.close()
    if reporter.warned:
        click.get_current_context().exit(1)


def evaluate_task(task: str, protocols: Callable[[], list[Protocol]], **options: Any) -> None:
    """Damage, restore and score: what all commands but ``compare`` do."""
    _check_options(options)
    with evaluation_run(options) as run:
        from restore.evaluation.measure import measure

        networks = networks_of(options)
        for name, network in networks.items():
            run.reporter.detail(f"{name}: {of_prior(network, options['weights'])}")
        plan = _plan(protocols(), networks, options, run.reporter)
        scorer, nets = scorer_of(task, options, run.reporter)
        run.reporter.expect(sum(len(one.pictures.files) * len(one.candidates) for one in plan))
        tables: list[Table] = []
        try:
            for one in plan:
                tables.append(
                    measure(
                        one.pictures, one.protocol, one.candidates, scorer,
                        show=run.show, observer=run.reporter.observer,
                    )
                )  # fmt: skip
                run.reporter.table(tables[-1])
        except BaseException:  # an interrupt too: what is finished is not lost
            if tables:
                run.reporter.note(f"stopped after {len(tables)} of {len(plan)} tables; these are kept")
                run.publish(tables, facts_of(networks, nets))
            raise
        run.publish(tables, facts_of(networks, nets))


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse what does not go together, before anything is loaded."""
    names = [name for name, _ in options["sweep"]]
    if len(set(names)) < len(names):
        raise click.UsageError("--sweep names the same option twice; give all its values at once")
    for name in names:
        plain = {"method": "methods", "estimate": "estimates"}.get(name, name)
        given = click.get_current_context().get_parameter_source(plain)
        if given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is given and swept; leave one of them out")
    for name, folders in (("data", options["folders"]), ("pairs", options.get("pairs", ()))):
        if len({folder.resolve() for folder in folders}) < len(folders):
            raise click.UsageError(f"--{name} names the same folder twice; name it once")
    if options["listed"] and len(options["folders"]) != 1:
        raise click.UsageError("--list names pictures of one folder; pass one --data with it")
    if not (options["own"] or options["baselines"] or options["peers"] or options["against"]):
        raise click.UsageError("--no-own and --no-baselines leave nothing to measure; pass a --peer")


@dataclass(frozen=True)
class _PlannedTable:
    """What a table will be measured of."""

    pictures: PictureSet
    protocol: Protocol
    candidates: list[Candidate]


def _plan(
    protocols: Sequence[Protocol],
    networks: Mapping[str, Backbone],
    options: Mapping[str, Any],
    reporter: EvaluationReporter,
) -> list[_PlannedTable]:
    """A table for each set and protocol, and for each set of pairs."""
    from restore.evaluation.pairs import Pairs
    from restore.evaluation.peers import peer_method
    from restore.evaluation.rows import baseline_rows, own_rows

    selection = _selection(options)
    peers = [peer_method(spec, device_of(options)) for spec in options["peers"]]
    sets, pairs = _picture_sets(options, training_pictures(networks, options["trained_on"], reporter))
    plan = []
    for pictures, its in [*((each, protocols) for each in sets), *((each, [Pairs()]) for each in pairs)]:
        for protocol in its:
            candidates = [*(baseline_rows(protocol) if options["baselines"] else ()), *peers]
            for name, network in networks.items():
                candidates += own_rows(protocol, network, selection, name)
            plan.append(_PlannedTable(pictures, protocol, candidates))
    return plan


def _selection(options: Mapping[str, Any]) -> Selection:
    """Which of restore's rows the options ask for."""
    sweep = dict(options["sweep"])
    common = {
        name: options[name]
        for name in ("steps", "sampler", "seed")
        if options[name] is not None and name not in sweep
    }
    if options.get("jumps"):
        from restore.tasks.inpaint_methods import Jumps

        common["jumps"] = Jumps(*options["jumps"])
    return Selection(options["estimates"] or (), options["methods"] or (), common, sweep)


def _picture_sets(
    options: Mapping[str, Any], known: Mapping[str, Fingerprints]
) -> tuple[list[PictureSet], list[PictureSet]]:
    """The sets of clean pictures and those of pairs; with the folder above in names that are there twice."""
    from restore.evaluation.pairs import PairSet
    from restore.evaluation.pictures import PictureSet

    narrowed: dict[str, Any] = {"limit": options["limit"], "crop": options["crop"], "known": known}
    sets = [PictureSet.of(folder, listed=options["listed"], **narrowed) for folder in options["folders"]]
    pairs: list[PictureSet] = [PairSet.found(folder, **narrowed) for folder in options.get("pairs", ())]
    names = [pictures.name for pictures in (*sets, *pairs)]
    if len(set(names)) == len(names):
        return sets, pairs

    def longer(pictures: PictureSet) -> PictureSet:
        return replace(pictures, name="/".join(pictures.root.resolve().parts[-2:]))

    return [*map(longer, sets)], [*map(longer, pairs)]


def facts_of(networks: Mapping[str, Prior], nets: Mapping[str, Any]) -> dict[str, str]:
    """The facts that all numbers depend on; the command, with what is configured, without local folders."""
    from restore.evaluation.environment import facts

    words = [*sys.argv[1:], *configured_words(click.get_current_context())]
    shown = [_without_folders(word) for word in words]
    return {"restore": __version__, "command": shlex.join(["restore", *shown])} | facts(networks, nets)


def _without_folders(word: str) -> str:
    """An argument with absolute paths, also after = and :, shortened to the file's name."""
    if "=" in word:
        head, _, tail = word.partition("=")
        return f"{_without_folders(head)}={_without_folders(tail)}"
    return ":".join(Path(part).name if Path(part).is_absolute() else part for part in word.split(":"))
