"""One evaluation: its networks, peers and metrics, what is said meanwhile and written in the end."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__, images
from restore.cli.prior_loader import load_backbone, usable
from restore.errors import ConfigError, OutputError, RestoreError, WeightsError
from restore.evaluation.columns import TRUNKS

if TYPE_CHECKING:
    from restore.evaluation.pictures import PictureSet
    from restore.evaluation.protocols import Protocol
    from restore.evaluation.results import Evaluation, Method, Table
    from restore.evaluation.scoring import Scorer
    from restore.priors.backbone import Backbone


class EvaluationRun:
    """One evaluation: what is written where, what is said meanwhile."""

    def __init__(self, options: Mapping[str, Any]):
        self._options = options
        self._bar: Any = None
        self._expected = False
        self._done = 0  # of the tables before this one
        self._title, self._total = "", 0
        self.notes: list[str] = []
        self._failed = False
        self._files = {
            name: Path(value)
            for name in ("json_file", "csv_file", "report", "plot")
            if (value := options[name]) and str(value) != "-"
        }

    def __enter__(self) -> EvaluationRun:
        for name in ("report", "plot"):
            if str(self._options[name]) == "-":
                raise click.UsageError(f"--{name} - : only --json and --csv go to standard output")
        if self._options["json_file"] == self._options["csv_file"] == "-":
            raise click.UsageError("--json and --csv cannot both go to standard output; name a file for one")
        if "" in (self._options["json_file"], self._options["csv_file"]):
            raise click.UsageError("--json and --csv want the name of a file, or -")
        for path in self._files.values():
            if path.is_dir():
                raise OutputError(f"{path}: expected a file name, got a folder; add a name")
            if path.exists() and not self._options["overwrite"]:
                raise OutputError(
                    f"{path}: the file is already there; choose another name or pass --overwrite"
                )
            if not path.absolute().parent.is_dir():
                raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
            try:
                with tempfile.TemporaryFile(dir=path.absolute().parent):
                    pass
            except OSError as error:
                raise OutputError(
                    f"{path}: cannot write there ({error.strerror}); choose another folder"
                ) from None
        if len(set(self._files.values())) < len(self._files):
            raise click.UsageError("--json, --csv, --report and --plot name the same file twice")
        if self._options["plot"]:
            from restore.evaluation.plot import check

            check()
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None and self._failed:
            click.get_current_context().exit(1)

    @property
    def show(self) -> int:
        """How many pictures of each table the report shows."""
        return int(self._options["show"]) if self._options["report"] else 0

    def networks(self) -> dict[str, Backbone]:
        """By the names of their rows."""
        options = self._options
        files: dict[str, Path | None] = {"restore": options["weights"]} if options["own"] else {}
        for path in options["against"]:
            if path.stem in files:
                raise ConfigError(f"--against {path}: there are rows called {path.stem} already; rename it")
            files[path.stem] = path
        return {
            name: load_backbone(
                path, options["device"], options["precision"], options["tile"], options["ensemble"]
            )
            for name, path in files.items()
        }

    def known_pictures(self, networks: Mapping[str, Backbone], folders: Sequence[Path]) -> dict[str, Any]:
        """Fingerprints of what the weights and peers were trained on, by what they are."""
        from restore.evaluation.pictures import fingerprints_of, printable
        from restore.images.fingerprints import Fingerprints

        known = {f"in {printable(folder.resolve().name)}": fingerprints_of(folder) for folder in folders}
        for name, network in networks.items():
            whose = "the weights" if name == "restore" else name
            text = network.facts.get("fingerprints")
            if text is None:
                self.note(
                    f"{whose} carry no fingerprints of their training pictures; whether a test picture was "
                    "among them cannot be checked"
                )
                continue
            try:
                known[f"in the training data of {whose}"] = Fingerprints.parse(text)
            except ValueError as error:
                raise WeightsError(f"the fingerprints of {whose} cannot be read: {error}") from None
        return known

    def scorer(self, task: str) -> tuple[Scorer, dict[str, Any]]:
        """(the scorer with all metrics that were asked for or can be measured, LPIPS by its trunk)."""
        from restore.evaluation.columns import metrics_of
        from restore.evaluation.metrics import Lpips
        from restore.evaluation.scoring import Scorer

        options = self._options
        only = options["metrics"] or ()
        files = dict(self._trunk_files())
        trunks = options["trunks"] or tuple(files) or ("squeeze",)
        if only and "lpips" not in only and (options["trunks"] or files):
            raise click.UsageError("--lpips and --lpips-trunk have no effect without lpips in --metrics")
        insisted = bool(options["trunks"] or files or "lpips" in only)
        nets = {}
        for trunk in trunks if not only or "lpips" in only else ():
            try:
                nets[trunk] = Lpips(files.get(trunk), trunk).to(self.device())
            except WeightsError as error:
                if insisted:
                    raise WeightsError(f"{error}; without it all other metrics can be measured") from None
                self.note("LPIPS is not measured, everything else is", f": {error}")
        return Scorer(metrics_of(task, list(nets), only), nets), nets

    def _trunk_files(self) -> Iterator[tuple[str, str]]:
        for value in self._options["trunk_files"]:
            name, equals, path = value.partition("=")
            if not equals:
                name, path = "squeeze", value
            if name not in TRUNKS:
                raise click.UsageError(f"--lpips-trunk {value}: expected one of {', '.join(TRUNKS)} before =")
            yield name, path

    def device(self) -> str:
        """Where networks are computed."""
        from restore.priors.device import best_device

        name = self._options.get("device", "cpu")
        return best_device() if name == "auto" else usable(name)

    def expect(self, total: int) -> None:
        """Show a bar for so many restorations, where there is a terminal."""
        self._expected = True
        if self._options["quiet"] or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left"
        self._bar = tqdm(total=total, file=sys.stderr, bar_format=form, leave=False, dynamic_ncols=True)

    def tick(self, title: str, done: int, total: int) -> None:
        if not self._expected:
            self.expect(total)
        if title != self._title:
            self._done, self._title, self._total = self._done + self._total, title, total
        if self._bar is not None:
            self._bar.set_description_str(title, refresh=False)
            self._bar.update(self._done + done - self._bar.n)

    def warn(self, text: str) -> None:
        """Something that changes what the numbers mean: said even when quiet, and the exit code is 1."""
        self._failed = True
        self._say(f"warning: {text}")

    def note(self, text: str, detail: str = "") -> None:
        """Said, and kept beside the numbers; detail, such as a folder of this machine, is only said."""
        self.notes.append(text)
        if not self._options["quiet"]:
            self._say(f"note: {text}{detail}")

    def print(self, table: Table) -> None:
        """The table on standard output, unless that is taken."""
        from restore.evaluation.tables import markdown

        if table.overlaps:
            self._say(
                f"warning: {len(table.overlaps)} of {table.count} pictures of {table.title} were seen "
                "before, which makes the numbers too good: "
                + ", ".join(f"{name} ({what})" for name, what in table.overlaps.items())
            )
        if "-" not in (self._options["json_file"], self._options["csv_file"]):
            if self._bar is not None:
                self._bar.clear()
            click.echo(markdown(table))

    def facts(self, networks: Mapping[str, Backbone], nets: Mapping[str, Any]) -> dict[str, str]:
        from restore.evaluation.environment import facts

        # Folders of this machine are nobody else's business.
        shown = [_without_folders(word) for word in sys.argv[1:]]
        return {"restore": __version__, "command": shlex.join(["restore", *shown])} | facts(networks, nets)

    def publish(self, tables: list[Table], facts: dict[str, str]) -> None:
        """Write the files that were asked for, and the shared facts under the tables."""
        from restore.evaluation import tables as text
        from restore.evaluation.results import Evaluation

        evaluation = Evaluation(facts, tables, self.notes)
        if tables[0].task == "compare":
            self.print(tables[0])
        options = self._options
        for name, encode in (("json_file", text.as_json), ("csv_file", text.as_csv)):
            if options[name] == "-":
                click.echo(encode(evaluation), nl=False)
        if "-" not in (options["json_file"], options["csv_file"]):
            click.echo(text.footer(evaluation))
        makers: dict[str, Callable[[Evaluation], bytes]] = {
            "json_file": lambda e: text.as_json(e).encode(),
            "csv_file": lambda e: text.as_csv(e).encode(),
            "report": _report,
            "plot": _plot,
        }
        problems: list[RestoreError] = []
        for name, path in self._files.items():
            try:
                images.write_bytes(path, makers[name](evaluation), overwrite=options["overwrite"])
            except RestoreError as error:  # the others are not lost for it
                problems.append(error)
                continue
            if not options["quiet"]:
                self._say(f"wrote {path}")
        if problems:
            raise problems[0]

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        click.echo(text, err=True)


def evaluate_task(task: str, protocols: Callable[[], list[Protocol]], **options: Any) -> None:
    """Damage, restore and score: what all commands but ``compare`` do."""
    _check_options(options)
    with EvaluationRun(options) as run:
        from restore.evaluation.measure import measure

        networks = run.networks()
        plan = _plan(run, networks, protocols(), options)
        scorer, nets = run.scorer(task)
        run.expect(sum(len(pictures.files) * len(methods) for pictures, _, methods in plan))
        tables: list[Table] = []
        try:
            for pictures, protocol, methods in plan:
                tables.append(
                    measure(pictures, protocol, methods, scorer, show=run.show, say=run.warn, tick=run.tick)
                )
                run.print(tables[-1])
        except BaseException:  # an interrupt too: what is finished is not lost
            if tables:
                run.note(f"stopped after {len(tables)} of {len(plan)} tables; these are kept")
                run.publish(tables, run.facts(networks, nets))
            raise
        run.publish(tables, run.facts(networks, nets))


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
    if len({folder.resolve() for folder in options["folders"]}) < len(options["folders"]):
        raise click.UsageError("--data names the same folder twice; name it once")
    if options["listed"] and len(options["folders"]) > 1:
        raise click.UsageError("--list names pictures of one folder; pass one --data with it")
    if not (options["own"] or options["baselines"] or options["peers"] or options["against"]):
        raise click.UsageError("--no-own and --no-baselines leave nothing to measure; pass a --peer")


def _plan(
    run: EvaluationRun,
    networks: Mapping[str, Backbone],
    protocols: Sequence[Protocol],
    options: Mapping[str, Any],
) -> list[tuple[PictureSet, Protocol, list[Method]]]:
    """What will be measured: a table for each set and protocol."""
    from restore.evaluation.peers import peer_method
    from restore.evaluation.pictures import PictureSet
    from restore.evaluation.rows import Asked, baseline_rows, own_methods

    sweep = dict(options["sweep"])
    walk = {k: options[k] for k in ("steps", "sampler", "seed") if options[k] is not None and k not in sweep}
    if options.get("jumps"):
        from restore.tasks.inpaint_methods import Jumps

        walk["jumps"] = Jumps(*options["jumps"])
    asked = Asked(options["estimates"] or (), options["methods"] or (), walk, sweep)
    peers = [peer_method(spec, run.device()) for spec in options["peers"]]
    known = run.known_pictures(networks, options["trained_on"])
    narrowed = {"listed": options["listed"], "limit": options["limit"], "crop": options["crop"]}
    sets = _told_apart([PictureSet.of(folder, known=known, **narrowed) for folder in options["folders"]])
    plan = []
    for pictures in sets:
        for protocol in protocols:
            methods = baseline_rows(protocol) if options["baselines"] else []
            methods += peers
            for name, network in networks.items():
                methods += own_methods(protocol, network, asked, name)
            plan.append((pictures, protocol, methods))
    return plan


def _told_apart(sets: Sequence[PictureSet]) -> list[PictureSet]:
    """With names that tell them apart: those above them come in where folders are called the same."""
    names = [pictures.name for pictures in sets]
    if len(set(names)) == len(names):
        return list(sets)
    return [replace(p, name="/".join(p.root.resolve().parts[-2:])) for p in sets]


def _without_folders(word: str) -> str:
    """An argument without this machine's folders: absolute paths, also after = and :, by their names."""
    if "=" in word:
        head, _, tail = word.partition("=")
        return f"{_without_folders(head)}={_without_folders(tail)}"
    return ":".join(Path(part).name if Path(part).is_absolute() else part for part in word.split(":"))


def _report(evaluation: Evaluation) -> bytes:
    from restore.evaluation.report import html

    return html(evaluation).encode()


def _plot(evaluation: Evaluation) -> bytes:
    from restore.evaluation.plot import png

    return png(evaluation)
