"""Files with personal data: what lands in the PII bucket arrives in the lake without it, and nothing of it leaks."""

import csv as csv_format
import gzip
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet
import pytest
from people import Person, file, people, rows, secrets
from vaults import SCOPE, Vault
from zone import Upload, Variant, Zone, csv, plain

TOKEN = re.compile(r"tok1_[0-9a-v]{32}")
ADDRESS = re.compile(r"tok1_[0-9a-v]{32}@token\.invalid")
# The columns of a person that become tokens; the address of a mail becomes one that looks like one.
TOKENIZED = ["first_name", "last_name", "email", "address_1", "phone"]


def declared(match: str, *columns: str, **more: str) -> str:
    """A dataset in which these columns become tokens."""
    lines = [f'match = "{match}"', f'pii.scope = "{SCOPE}"', *(f"{name} = {value}" for name, value in more.items())]
    for column in columns:
        shape = ", shape = true" if column == "email" else ""
        lines.append(f'columns.{column}.pii = {{ method = "token", type = "{column}"{shape} }}')
    return "\n".join(lines)


def users(vault: Vault, database: str, of: list[Person], name: str = "users.csv") -> dict:
    """The report on a file of people, all of whose personal columns are declared."""
    vault.rule(declared(f"{database}/users/*", *TOKENIZED))
    return vault.send(f"{database}/users/{name}", file(of))


def read(text: str) -> list[dict[str, str]]:
    return list(csv_format.DictReader(io.StringIO(text)))


def test_personal_data_arrives_in_athena_as_tokens(vault: Vault, zone: Zone, database: str):
    crowd = people(40)
    report = users(vault, database, crowd)
    assert (report["rows"], report["rejected"]) == (40, 0)
    columns = list(zone.columns(database, "users"))
    found = zone.query(f'SELECT {", ".join(columns)} FROM "{database}"."users" ORDER BY id')  # noqa: S608
    assert len(found) == len(crowd)
    for row, person in zip(found, rows(crowd), strict=True):
        for column, now, before in zip(columns, row, person, strict=True):
            match column:
                case "email" if before:
                    assert ADDRESS.fullmatch(now)
                case _ if column in TOKENIZED and before:
                    assert TOKEN.fullmatch(now)
                # What is nobody's name stays, and so does what nobody has.
                case _:
                    assert now == before, column
    by_person = {tuple(row[columns.index(column)] for column in TOKENIZED) for row in found}
    assert len(by_person) == len(crowd)


def test_two_files_join_on_their_tokens(vault: Vault, zone: Zone, database: str):
    crowd = people(30, first=100)
    users(vault, database, crowd)
    vault.rule(declared(f"{database}/orders/*", "email"))
    buyers = [person for person in crowd[5:20] if person.email]
    orders = csv("order,email", *(f"{1000 + n},{person.email}" for n, person in enumerate(buyers)))
    vault.send(f"{database}/orders/orders.csv", orders)
    joined = zone.query(
        f'SELECT u.id, o."order" FROM "{database}"."users" u JOIN "{database}"."orders" o'  # noqa: S608
        ' ON u.email = o.email ORDER BY o."order"'
    )
    assert joined == [(person.id, str(1000 + n)) for n, person in enumerate(buyers)]


def test_every_method_does_what_the_rules_say(vault: Vault, database: str):
    vault.rule(f'''
match = "{database}/methods/*"
pii.scope = "{SCOPE}"
pii.detect = "off"
[dataset.columns]
mail = {{ pii = {{ method = "token", type = "email", shape = true }} }}
hashed.pii = "hash"
sealed.pii = {{ method = "encrypt", mode = "deterministic" }}
sealed_anew.pii = {{ method = "encrypt", mode = "randomized" }}
card.pii = {{ method = "fpe", alphabet = "digits" }}
masked.pii = {{ method = "mask", keep_last = 4, char = "*" }}
redacted.pii = "redact"
shuffled.pii = {{ method = "shuffle", window = 10 }}
born.pii = {{ method = "generalize", to = "year" }}
joined.pii = {{ method = "generalize", to = "month" }}
age.pii = {{ method = "generalize", to = {{ bucket = 10 }} }}
zip = {{ type = "string", pii = {{ method = "generalize", to = {{ prefix = 3 }} }} }}
gone.pii = "drop"
''')
    header = "id,mail,hashed,sealed,sealed_anew,card,masked,redacted,shuffled,born,joined,age,zip,gone"

    def row(number: int) -> str:
        same = number % 2
        return (
            f"{number},p{same}@methods.example,H-{same}-secret,S-{same}-secret,A-{same}-secret,400000123456{same:04d},"
            f"M-secret-{number:04d},R-secret,shuffled-{number},1971-03-{number + 1:02d},2026-11-{number + 1:02d},"
            f"{30 + number % 10},947{number:02d},G-secret"
        )

    body = csv(header, *(row(number) for number in range(20)), "20,,,,,,,,,,,,,")
    upload = vault.land(f"{database}/methods/a.csv", body)
    vault.converted(upload, "tokenized")
    table = read(vault.sent(upload.key))
    *full, nobody = table
    assert "gone" not in full[0] and [line["id"] for line in table] == [str(number) for number in range(21)]
    # Nulls stay nulls, whatever the method.
    assert set(nobody.values()) == {"20", ""}

    def different(column: str) -> int:
        return len({line[column] for line in full})

    assert all(ADDRESS.fullmatch(line["mail"]) for line in full)
    assert (different("mail"), different("hashed"), different("sealed"), different("card")) == (2, 2, 2, 2)
    assert different("sealed_anew") == 20
    for line in full:
        assert re.fullmatch(r"[0-9]{16}", line["card"]) and not line["card"].startswith("400000123456")
        assert (line["masked"], line["redacted"]) == (f"*********{int(line['id']):04d}", "#####")
        assert (line["born"], line["joined"], line["age"], line["zip"]) == ("1971-01-01", "2026-11-01", "30", "947**")
    shuffled = [line["shuffled"] for line in full]
    assert shuffled != [f"shuffled-{n}" for n in range(20)]
    for window in (range(10), range(10, 20)):
        assert sorted(shuffled[window.start : window.stop]) == sorted(f"shuffled-{n}" for n in window)
    text = json.dumps(table)
    assert "secret" not in text.replace("*", "") and "methods.example" not in text


def test_an_event_that_comes_again_sends_nothing_on(vault: Vault, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    upload = vault.land(f"{database}/t/a.csv", file(people(5, first=300), ["id", "email"]))
    vault.converted(upload, "tokenized")
    [first] = vault.versions(upload.key)
    for _ in range(2):
        answer = vault.invoke(upload.named)
        assert (answer.error, answer.payload["status"]) == (None, "unchanged")
    [same] = vault.versions(upload.key)
    assert (same["VersionId"], same["ETag"]) == (first["VersionId"], first["ETag"])
    # And what it would have sent is the same.
    content = vault.sent(upload.key)
    vault.lose(upload)
    assert vault.invoke(upload.named).payload["status"] == "tokenized"
    assert vault.sent(upload.key) == content


def test_the_copy_says_what_it_was_made_from(vault: Vault, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    upload = vault.land(f"{database}/t/a.csv", file(people(3, first=310), ["id", "email"]))
    vault.converted(upload, "tokenized")
    told = vault.copy_of(upload)["Metadata"]
    assert (told["cleanzone-deidentified"], told["cleanzone-source"]) == ("true", upload.version)
    assert {"cleanzone-sequencer", "cleanzone-stored", "cleanzone-shape"} <= told.keys()


def test_of_two_versions_at_once_the_newest_wins(vault: Vault, zone: Zone, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    key = f"{database}/t/a.csv"
    uploads = [vault.land(key, file(people(200, first=400), ["id", "email"]))]
    # Where an event does not say which version is newer, S3's clock does, which has seconds.
    time.sleep(1)
    uploads += [vault.land(key, file(people(200 - n, first=400), ["id", "email"])) for n in range(1, 4)]
    newest = uploads[-1]
    vault.until("the newest has gone on", lambda: newest.version in metadata_of(vault, key))
    # The older ones are over: what they had to say is in the log.
    vault.until("all have ended", lambda: len(reports(vault, newest)) >= len(uploads))
    assert vault.copy_of(newest)["Metadata"]["cleanzone-source"] == newest.version
    copy = Upload(zone.landing, key, vault.copy_of(newest)["VersionId"], newest.at)
    zone.converted(copy)
    assert zone.count(database, "t") == 197
    # An old event, long after.
    assert vault.invoke(uploads[0].named).payload["status"] == "superseded"
    assert vault.copy_of(newest)["Metadata"]["cleanzone-source"] == newest.version


def metadata_of(vault: Vault, key: str) -> str:
    if not vault.versions(key):
        return ""
    return str(vault.s3.head_object(Bucket=vault.zone.landing, Key=key)["Metadata"])


def reports(vault: Vault, upload: Upload) -> list[dict]:
    return [line["report"] for line in vault.log.about(upload.uri) if "report" in line]


def test_ten_files_at_once_agree_on_one_token_a_person(vault: Vault, zone: Zone, database: str):
    vault.rule(declared(f"{database}/crowds/*", "email", "last_name"))
    crowd = [person for person in people(60, first=700) if person.email]
    with ThreadPoolExecutor(10) as many:
        uploads = list(
            many.map(
                lambda n: vault.land(
                    f"{database}/crowds/{n}.csv", file(crowd[n:] + crowd[:n], ["id", "email", "last_name"])
                ),
                range(10),
            )
        )
    for upload in uploads:
        vault.sent_on(upload)
    found = zone.query(
        f"SELECT count(*), count(DISTINCT id), count(DISTINCT email), count(DISTINCT last_name),"  # noqa: S608
        f' count(DISTINCT id || email || last_name) FROM "{database}"."crowds"'
    )
    people_there = str(len(crowd))
    assert found == [(str(10 * len(crowd)), people_there, people_there, people_there, people_there)]


def test_a_compressed_file_stays_one(vault: Vault, zone: Zone, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    crowd = people(20, first=800)
    upload = vault.land(f"{database}/t/a.csv.gz", gzip.compress(file(crowd, ["id", "email"]).encode()))
    vault.sent_on(upload)
    sent = gzip.decompress(zone.read(f"s3://{zone.landing}/{upload.key}")).decode()
    assert not [secret for secret in secrets(crowd) if secret in sent]
    assert zone.count(database, "t") == 20


def test_a_file_without_a_declared_column_goes_nowhere(vault: Vault, zone: Zone, database: str):
    vault.rule(declared(f"{database}/t/*", "email", "phone"))
    upload = vault.land(f"{database}/t/a.csv", file(people(5, first=850), ["id", "email"]))
    failure = vault.failed(upload)
    assert failure.attributes["error"] == "SchemaConflict"
    assert "phone" in failure.body
    assert zone.objects(f"{database}/", zone.landing) == []
    assert not zone.has_database(database)


def test_a_file_of_which_no_rule_says_what_is_personal_goes_nowhere(vault: Vault, zone: Zone, database: str):
    upload = vault.land(f"{database}/t/a.csv", file(people(5, first=860), ["id", "email"]))
    assert vault.failed(upload).attributes["error"] == "PiiNotTokenized"
    assert zone.objects(f"{database}/", zone.landing) == []


def test_what_nobody_has_declared_is_found(vault: Vault, zone: Zone, database: str):
    crowd = people(30, first=870)
    for detect in ("fail", "token"):
        rule = declared(f"{database}/{detect}/*", "phone")
        vault.rule(f'{rule}\npii.detect = "{detect}"')
    failing, tokenized = (
        vault.land(f"{database}/{detect}/a.csv", file(crowd, ["id", "state", "email", "phone"]))
        for detect in ("fail", "token")
    )
    failure = vault.failed(failing)
    assert failure.attributes["error"] == "PiiNotTokenized" and "email" in failure.body
    vault.converted(tokenized, "tokenized")
    sent = read(vault.sent(tokenized.key))
    assert all(TOKEN.fullmatch(line["email"]) for line in sent if line["email"])
    assert [line["state"] for line in sent] == [person.state for person in crowd]


def test_rejected_rows_stay_in_the_pii_bucket(vault: Vault, zone: Zone, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    good = people(60, first=900)
    broken = 'x,broken@sentinel-rejected.example,"one,too,many",fields\n'
    upload = vault.land(f"{database}/t/a.csv", file(good, ["id", "email"]) + broken)
    report = vault.converted(upload, "tokenized")
    assert (report["rows"], report["rejected"]) == (60, 1)
    [kept] = vault.objects(f"_rejected/{database}/")
    assert re.fullmatch(rf"_rejected/{database}/t/a\.csv-[0-9a-f]{{16}}\.csv", kept)
    assert "sentinel-rejected" in vault.read(f"s3://{vault.landing}/{kept}").decode()
    zone.converted(Upload(zone.landing, upload.key, vault.copy_of(upload)["VersionId"], upload.at))
    assert "sentinel-rejected" not in vault.sent(upload.key)
    assert zone.objects(f"_rejected/{database}/") == []
    assert zone.count(database, "t") == 60


def test_the_lake_may_follow_the_same_rules_and_takes_only_what_was_sent_on(vault: Vault, zone: Zone, database: str):
    rule = declared(f"{database}/t/*", "email")
    rule += '\ncolumns.phone.pii = "drop"\ncolumns.zip = { type = "string", pii = "redact" }'
    vault.rule(rule)
    zone.rule(rule)
    body = file(people(10, first=960), ["id", "zip", "email", "phone"])
    assert vault.send(f"{database}/t/a.csv", body)["rows"] == 10
    assert list(zone.columns(database, "t")) == ["id", "zip", "email"]
    in_the_clear = zone.land(f"{database}/t/b.csv", body)
    assert zone.failed(in_the_clear).attributes["error"] == "PiiNotTokenized"
    assert zone.count(database, "t") == 10


def test_broken_rules_protect_no_less(vault: Vault, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    crowd = people(10, first=970)
    first = vault.land(f"{database}/t/a.csv", file(crowd, ["id", "email"]))
    vault.converted(first, "tokenized")
    vault.write_rules(f'[[dataset]]\nmatch = "{database}/*"\ncolumns.email.pi = "token"\n')
    try:
        second = vault.land(f"{database}/t/b.csv", file(crowd, ["id", "email"]))
        assert vault.converted(second, "tokenized")["stale_rules"] is True
        # A process that begins now follows the last good version too.
        vault.lose(second)
        anew = vault.copy_of_function("cleanzone-tests-pii-anew", Variant())
        assert vault.invoke(second.named, anew).payload["status"] == "tokenized"
    finally:
        vault.write_rules()
    assert vault.sent(first.key) == vault.sent(second.key)
    assert vault.invoke(first.named).payload["stale_rules"] is False


def sent_and_lost(vault: Vault, database: str, crowd: list[Person]) -> Upload:
    """A file that the deployed function has done with, and whose copy is gone: a copy of the function may make it."""
    upload = vault.land(f"{database}/t/a.csv", file(crowd, ["id", "email"]))
    vault.converted(upload, "tokenized")
    vault.lose(upload)
    return upload


def test_a_service_that_stays_away_delays_and_loses_nothing(vault: Vault, database: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    copy = vault.copy_of_function(
        "cleanzone-tests-away", Variant(environment={"INJECT_FAULTS": "ServiceUnavailable:1"})
    )
    upload = sent_and_lost(vault, database, people(10, first=980))
    assert vault.invoke(upload.named, copy).error == "ServiceUnavailable"
    assert vault.versions(upload.key) == []
    assert vault.invoke(upload.named, copy).payload["status"] == "tokenized"
    assert len(vault.versions(upload.key)) == 1


@pytest.mark.parametrize("action", ["dynamodb:BatchGetItem", "kms:Decrypt", "s3:GetObjectVersion", "s3:PutObject"])
def test_without_a_permission_nothing_goes_on(vault: Vault, database: str, action: str):
    vault.rule(declared(f"{database}/t/*", "email"))
    copy = vault.copy_of_function(f"cleanzone-tests-pii-without-{plain(action)}", Variant(without=action))
    upload = sent_and_lost(vault, database, people(4, first=990))
    assert vault.invoke(upload.named, copy).error == "AccessDenied"
    assert vault.versions(upload.key) == []


def test_nothing_personal_is_anywhere_but_in_the_vault_also_when_a_file_fails_in_the_middle(
    vault: Vault, zone: Zone, database: str
):
    crowd = people(300, first=1000)
    users(vault, database, crowd)
    vault.rule(declared(f"{database}/strict/*", *TOKENIZED, bad_rows='"fail"'))
    failing = people(2000, first=2000)
    body = file(failing) + f"broken,{failing[-1].email}\n" + file(people(50, first=4000)).split("\n", 1)[1]
    failed = vault.land(f"{database}/strict/a.csv", body)
    assert vault.failed(failed).attributes["error"] == "MalformedCsv"
    assert vault.versions(failed.key) == []
    assert zone.s3.list_multipart_uploads(Bucket=zone.landing).get("Uploads", []) == []

    hidden = [secret.encode() for secret in secrets(crowd + failing[-400:])]
    places = {
        "the copies": [zone.read(f"s3://{zone.landing}/{key}") for key in zone.objects(database, zone.landing)],
        "the clean zone": [
            part for key in zone.objects("") if database in key for part in parts(zone.read(f"s3://{zone.clean}/{key}"))
        ],
        "the logs": [
            "\n".join(log.lines()).encode() for log in (vault.log, vault.detokenizers_log, zone.log) if log.lines()
        ],
        "the failures": [str(failure).encode() for failure in [*vault.failures(), *zone.failures()]],
        "the token table": [value for item in vault.items() for value in values(item)],
        "the audit": [json.dumps(vault.records()).encode()],
        "the rules": [vault.read(f"s3://{vault.config}/{key}") for key in vault.objects("", vault.config)],
    }
    assert all(places[place] for place in ("the copies", "the clean zone", "the logs", "the token table"))
    for place, texts in places.items():
        haystack = b"\n".join(texts)
        assert [secret for secret in hidden if secret in haystack] == [], place
    # The search finds what is there.
    original = zone.read(f"s3://{vault.landing}/{database}/users/users.csv")
    assert all(secret in original for secret in (s.encode() for s in secrets(crowd)))


def parts(content: bytes) -> list[bytes]:
    """A file as it is, and where it is Parquet, all that is in it: values, statistics, metadata."""
    if not content.startswith(b"PAR1"):
        return [content]
    opened = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    groups = [opened.metadata.row_group(n).to_dict() for n in range(opened.metadata.num_row_groups)]
    table = opened.read().to_pylist()
    return [content, str(groups).encode(), str(opened.metadata.metadata).encode(), str(table).encode()]


def values(item: dict) -> list[bytes]:
    """Names and values of an item of DynamoDB."""
    return [
        part if isinstance(part, bytes) else str(part).encode()
        for name, typed in item.items()
        for part in (name, *typed.values())
    ]
