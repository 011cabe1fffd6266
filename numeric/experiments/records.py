"""Records of runs: one JSON file a run, which is read back as it was written."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dsf_sym import find

from .block import Mixer, Sizes
from .recall_task import Task
from .training import Config, Outcome, Point

FOLDER = Path(__file__).parent / "records"
PACKAGES = ("dsf-workbench", "torch", "numpy")


@dataclass(frozen=True)
class Record:
    """A configuration, what came of it, and what it was run with.

    layer: the hash of the layer's definition.
    """

    config: Config
    outcome: Outcome
    layer: str
    versions: Mapping[str, str]
    device: str


def name_of(config: Config) -> str:
    """The name of a run's record, which tells it from all others of an experiment."""
    n, rate = config.sizes.expansion, f"{config.rate:g}"
    return f"{config.mixer.layer}-n{n}-seed{config.seed}-rate{rate}.json"


def path_of(folder: Path, config: Config) -> Path:
    """Where the record of a run belongs."""
    return folder / name_of(config)


def record(config: Config, outcome: Outcome) -> Record:
    """A record of a run of this process."""
    versions = {name: version(name) for name in PACKAGES}
    versions["python"] = platform.python_version()
    return Record(config, outcome, find(config.mixer.layer).hash, versions, _device())


def write(folder: Path, made: Record) -> Path:
    """Write a record; whoever reads the folder at the same time sees all of it or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, made.config)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def read(path: Path) -> Record:
    """A record, as it was written.

    Raises
    ------
    ValueError
        The file is no record: its name, and what is missing or not known.
    """
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"read({path.name}): not a record: {error}; remove the file and run the experiment "
            "again, which makes what is missing"
        ) from error


def read_all(folder: Path = FOLDER) -> list[Record]:
    """All records of a folder, in the order of their names."""
    return [read(path) for path in sorted(folder.glob("*.json"))]


def _record(data: dict[str, Any]) -> Record:
    stored, outcome = data["config"], data["outcome"]
    mixer = {**stored["mixer"], "unit": tuple(stored["mixer"]["unit"])}
    parts = {"mixer": Mixer(**mixer), "sizes": Sizes(**stored["sizes"])}
    config = Config(**{**stored, **parts, "task": Task(**stored["task"])})
    curve = tuple(Point(**point) for point in outcome["curve"])
    return Record(**{**data, "config": config, "outcome": Outcome(**{**outcome, "curve": curve})})


def _device() -> str:
    """The processor, as the system names it, and the number of threads."""
    import torch

    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return f"CPU {name}, {torch.get_num_threads()} thread(s)"
