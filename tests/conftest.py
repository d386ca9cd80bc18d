"""One lake for all tests, on a port of its own, with IAM enforced: the template's policies have to suffice."""

import itertools
import shutil
import socket
from collections.abc import Iterator

import boto3
import pytest
import ways as ways_in
from doors import SideDoor
from lake import HOST, Lake
from vaults import Vault, environment
from ways import WAYS, Way
from zone import BOOTSTRAP, Zone, pandas_session, plain

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def lake(request: pytest.FixtureRequest) -> Iterator[Lake]:
    if not BOOTSTRAP.exists():
        pytest.exit(f"nothing is built: {BOOTSTRAP} is missing. Run `make test`, or `make build-lake` first.", 1)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    lake = Lake(port, auth=True)
    lake.start()
    try:
        lake.deploy()
        yield lake
    finally:
        lake.stop()
        # The logs of a lake in which something failed are worth keeping.
        if not request.session.testsfailed:
            shutil.rmtree(lake.folder)


@pytest.fixture(scope="session")
def zone(lake: Lake) -> Iterator[Zone]:
    zone = Zone(lake)
    yield zone
    zone.close()


@pytest.fixture(scope="session")
def vault(lake: Lake, zone: Zone) -> Iterator[Vault]:
    """The PII stack, deployed beside the lake."""
    lake.deploy_vault()
    vault = Vault(zone)
    with environment(zone):
        yield vault
    vault.close()


@pytest.fixture(scope="session")
def side_door(zone: Zone) -> SideDoor:
    return SideDoor(zone)


@pytest.fixture(scope="session")
def ways(lake: Lake) -> Iterator[dict[str, Way]]:
    deployed = ways_in.deploy(lake)
    yield deployed
    for way in deployed.values():
        way.zone.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, ways: dict[str, Way]) -> Way:
    return ways[request.param]


@pytest.fixture
def queue(ways: dict[str, Way]) -> Way:
    return ways["queue"]


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """A database that no other test uses, named after the test."""
    return f"{plain(request.node.name)[:60].strip('_')}_{next(_numbers)}"


@pytest.fixture
def session(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    return pandas_session(zone, monkeypatch)
