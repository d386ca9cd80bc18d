"""What is deployed: `sam build` takes the templates, and the local lake gets the same as it would build."""

import os
import shutil
import subprocess
from pathlib import Path

import assemble
import cfnlint.decode.cfn_yaml
import pytest
from lake import ARCHITECTURE, ROOT

# Stands in for cargo, so that nothing is compiled: a "binary" holds its name, and how it was built.
CARGO = """#!/bin/sh
[ "$1" = lambda ] || exit 1
for last; do :; done
mkdir -p "target/lambda/$last" && echo "$@" > "target/lambda/$last/bootstrap"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that a build looks at, beside a cargo that compiles nothing."""
    for name in (*assemble.TEMPLATES, "Cargo.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("cargo", "cargo-lambda"):
        (programs / name).write_text(CARGO)
        (programs / name).chmod(0o755)
    return tmp_path


def sam_build(checkout: Path, template: str, build: Path) -> None:
    command = [ROOT / ".venv/bin/sam", "build", "--template-file", template, "--build-dir", build]
    done = subprocess.run(
        [*command, "--parameter-overrides", f"Architecture={ARCHITECTURE}"],
        cwd=checkout,
        env=os.environ
        | {
            "PATH": f"{checkout / 'programs'}:{os.environ['PATH']}",
            "HOME": str(checkout),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def resources(build: Path) -> dict[str, dict]:
    """What a built template declares, with its local paths resolved, and without the notes that sam adds."""
    found = cfnlint.decode.cfn_yaml.load(str(build / "template.yaml"))["Resources"]
    for resource in found.values():
        resource.pop("Metadata", None)
        for name in ("CodeUri", "DefinitionUri"):
            if path := resource.get("Properties", {}).get(name):
                resource["Properties"][name] = str((build / path).resolve())
    return found


@pytest.mark.parametrize("template", assemble.TEMPLATES)
def test_the_local_lake_gets_what_sam_would_build(checkout: Path, template: str):
    by_sam, ours = checkout / ".aws-sam/a", checkout / ".aws-sam/b"
    sam_build(checkout, template, by_sam)
    assemble.assemble(checkout / template, checkout / "target/lambda", ours)
    built, assembled = resources(by_sam), resources(ours)
    functions = [name for name, resource in built.items() if resource["Type"] == "AWS::Serverless::Function"]
    for name in functions:
        folders = [Path(found[name]["Properties"].pop("CodeUri")) for found in (built, assembled)]
        assert folders == [by_sam / name, ours / name]
        programs = [(folder / "bootstrap").read_text() for folder in folders]
        assert programs[0] == programs[1] and programs[0].startswith("lambda build --release")
        assert [file.name for file in folders[1].iterdir()] == ["bootstrap"]
    assert functions and built == assembled


def test_a_later_build_does_not_change_what_was_assembled(checkout: Path):
    programs, build = checkout / "target/lambda", checkout / "build"
    for name in ("detokenize-pii", "tokenize-pii"):
        (programs / name).mkdir(parents=True)
        (programs / name / "bootstrap").write_text("first")
    assemble.assemble(checkout / "vault.yaml", programs, build)
    (programs / "tokenize-pii/bootstrap").write_text("second")
    assert (build / "TokenizePiiFunction/bootstrap").read_text() == "first"


def test_a_function_that_is_not_built_is_named(checkout: Path):
    with pytest.raises(SystemExit) as ended:
        assemble.assemble(checkout / "template.yaml", checkout / "target/lambda", checkout / "build")
    assert "csv-to-parquet/bootstrap is missing" in str(ended.value)
