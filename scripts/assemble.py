"""Puts together what `sam deploy` needs for the local lake, as `sam build` does, from functions that are built already.

    assemble.py target/lambda-lake x86_64    makes .aws-sam/x86_64 and .aws-sam/vault-x86_64

`sam build` builds every function as a release; for the local lake that takes longer than anything else. Each template
is copied with its paths made absolute, and each function's binary beside it, so that a later build changes nothing that
was deployed.
"""

import argparse
import re
import shutil
from pathlib import Path

import terminal

ROOT = Path(__file__).resolve().parent.parent
# What the folder in .aws-sam is called before the architecture.
TEMPLATES = {"template.yaml": "", "vault.yaml": "vault-"}

_RESOURCE = re.compile(r"^  (\w+):$")
_BINARY = re.compile(r"^ +BuildProperties: { Binary: ([\w-]+) }$")
_CODE = re.compile(r"^( +CodeUri: )\.$")
_DEFINITION = re.compile(r"^( +DefinitionUri: )(\S+)$")


def assemble(template: Path, binaries: Path, build: Path) -> None:
    """Writes `build`: the template, and a folder with the binary of each function. What it held before is gone."""
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    resource = binary = ""
    lines = []
    for line in template.read_text().splitlines():
        lines.append(line)
        if found := _RESOURCE.match(line):
            resource, binary = found[1], ""
        elif found := _BINARY.match(line):
            binary = found[1]
        elif found := _CODE.match(line):
            if not binary:
                raise terminal.fail(f"{template.name}: {resource} has a CodeUri, and no Binary before it")
            _take(binaries / binary / "bootstrap", build / resource)
            lines[-1] = f"{found[1]}{build / resource}"
        elif found := _DEFINITION.match(line):
            lines[-1] = f"{found[1]}{template.parent / found[2]}"
    (build / "template.yaml").write_text("\n".join(lines) + "\n")


def _take(bootstrap: Path, folder: Path) -> None:
    if not bootstrap.exists():
        raise terminal.fail(f"{bootstrap} is missing: run `make up`, which builds it")
    folder.mkdir()
    shutil.copy2(bootstrap, folder / "bootstrap")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binaries", type=Path, help="the folder with a folder of each binary")
    arguments.add_argument("architecture", choices=["arm64", "x86_64"])
    chosen = arguments.parse_args()
    for template, prefix in TEMPLATES.items():
        assemble(ROOT / template, chosen.binaries.absolute(), ROOT / ".aws-sam" / f"{prefix}{chosen.architecture}")


if __name__ == "__main__":
    main()
