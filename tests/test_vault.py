"""The vault: nothing of it is the lake's, and a value comes back only to those who may see it, and leaves a record."""

import json
from csv import DictReader
from dataclasses import replace
from io import StringIO

import cfnlint.decode.cfn_yaml
import pytest
from lake import ROOT
from people import Person, file, people
from test_permissions import Twin, refused
from vaults import SCOPE, Caller, Vault
from zone import Variant, Zone, csv

# MiniStack leaves out of a bucket what locks its objects.
TEMPLATE = cfnlint.decode.cfn_yaml.load(str(ROOT / "vault.yaml"))
PURPOSE = "fraud-investigation"
ERASURE = "erasure"


@pytest.fixture(scope="module")
def lakes_role(zone: Zone) -> Twin:
    return Twin(zone, "cleanzone-tests-lakes-twin")


@pytest.fixture(scope="module")
def tokenizers_role(vault: Vault) -> Twin:
    return Twin(vault, "cleanzone-tests-tokenizers-twin")


@pytest.fixture(scope="module")
def detokenizers_role(vault: Vault) -> Twin:
    return Twin(vault, "cleanzone-tests-detokenizers-twin", of=vault.detokenizers_role)


@pytest.fixture(scope="module")
def desk(vault: Vault) -> Caller:
    """Whoever investigates fraud."""
    caller = vault.caller("cleanzone-tests-fraud-desk")
    vault.allow(caller, PURPOSE, ["resolve"], ["email", "phone"])
    return caller


@pytest.fixture(scope="module")
def officer(vault: Vault) -> Caller:
    """Whoever sees to requests for erasure."""
    caller = vault.caller("cleanzone-tests-officer")
    vault.allow(caller, ERASURE, ["forget"], ["email", "phone"])
    return caller


@pytest.fixture(scope="module")
def outsider(vault: Vault) -> Caller:
    """Somebody who may call, and is not on the list."""
    return vault.caller("cleanzone-tests-outsider")


@pytest.fixture(scope="module")
def crowd() -> list[Person]:
    return [person for person in people(40, first=5000) if person.email and person.phone]


@pytest.fixture(scope="module")
def tokens(vault: Vault, zone: Zone, crowd: list[Person]) -> dict[str, dict[str, str]]:
    """The tokens in the lake, by the person's id and the column."""
    vault.rule(f'''
match = "vaulted/**"
pii.scope = "{SCOPE}"
columns.email.pii = {{ method = "token", type = "email", shape = true }}
columns.phone.pii = {{ method = "token", type = "phone" }}
columns.last_name.pii = {{ method = "token", type = "name" }}
''')
    vault.send("vaulted/users/a.csv", file(crowd, ["id", "last_name", "email", "phone"]))
    found = zone.query('SELECT id, last_name, email, phone FROM "vaulted"."users"')
    return {row[0]: dict(zip(["last_name", "email", "phone"], row[1:], strict=True)) for row in found}


def test_a_value_comes_back_for_an_allowed_purpose(vault: Vault, desk: Caller, crowd: list[Person], tokens: dict):
    before = vault.records()
    asked = {tokens[person.id]["email"]: person.email for person in crowd[:5]}
    # A telephone number comes back in the form that stands for all its forms.
    asked |= {tokens[person.id]["phone"]: person.phone.replace("-", "") for person in crowd[:5]}
    assert desk.resolve(PURPOSE, *asked) == asked
    [record] = vault.ends(before)
    assert (record["outcome"], record["purpose"], record["action"]) == ("answered", PURPOSE, "resolve")
    assert "cleanzone-tests-fraud-desk" in record["caller"]
    assert (record["counts"]["asked"], record["counts"]["allowed"]) == (10, 10)
    assert record["counts"]["fields"] == {f"{SCOPE}/email": 5, f"{SCOPE}/phone": 5}
    assert not [text for pair in asked.items() for text in pair if text in json.dumps(record)]


def test_types_that_are_not_allowed_stay_tokens(vault: Vault, desk: Caller, crowd: list[Person], tokens: dict):
    before = vault.records()
    mine = tokens[crowd[0].id]
    answer = desk.resolve(PURPOSE, mine["email"], mine["last_name"])
    assert answer == {mine["email"]: crowd[0].email, mine["last_name"]: None}
    [record] = vault.ends(before)
    assert (record["counts"]["allowed"], record["counts"]["denied"]) == (1, 1)


def test_neither_another_purpose_nor_another_role_nor_another_action_is_allowed(
    vault: Vault, desk: Caller, outsider: Caller, crowd: list[Person], tokens: dict
):
    token = tokens[crowd[0].id]["email"]
    for caller, action, purpose in [
        (desk, "resolve", "marketing"),
        (outsider, "resolve", PURPOSE),
        (desk, "forget", PURPOSE),
    ]:
        before = vault.records()
        answer = caller.ask(action, purpose, tokens=[token])
        assert answer.error == "AccessDenied"
        assert crowd[0].email not in json.dumps(answer.payload)
        [record] = vault.ends(before)
        assert (record["outcome"], record["purpose"], record["action"]) == ("denied", purpose, action)
        assert caller.arn.rsplit("/", 1)[-1] in record["caller"]
    assert desk.resolve(PURPOSE, token) == {token: crowd[0].email}


def test_what_is_taken_from_the_list_is_taken_at_once(vault: Vault, crowd: list[Person], tokens: dict):
    bucket, _, key = vault.outputs["AccessConfigUri"].removeprefix("s3://").partition("/")
    guest = vault.caller("cleanzone-tests-guest")
    before = vault.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    token = tokens[crowd[0].id]["email"]
    allowed = vault.allowed
    vault.allow(guest, PURPOSE, ["resolve"], ["email"])
    try:
        assert guest.resolve(PURPOSE, token) == {token: crowd[0].email}
    finally:
        vault.allowed = allowed
        vault.s3.put_object(Bucket=bucket, Key=key, Body=before)
    assert guest.ask("resolve", PURPOSE, tokens=[token]).error == "AccessDenied"


def test_who_may_not_call_the_function_is_not_even_heard(vault: Vault, lakes_role: Twin, desk: Caller):
    client = lakes_role.client("lambda")
    assert refused(client.invoke, FunctionName=vault.detokenizer, Payload=b"{}")
    assert refused(client.invoke, FunctionName=vault.detokenizer, Qualifier="live", Payload=b"{}")


@pytest.mark.parametrize("proof", ["", "forged", "https://sts.example.com/?Action=GetCallerIdentity"])
def test_a_call_without_a_proof_is_denied_and_recorded(vault: Vault, desk: Caller, proof: str, tokens: dict):
    before = vault.records()
    token = next(iter(tokens.values()))["email"]
    answer = replace(desk, prove=lambda *_: proof).ask("resolve", PURPOSE, tokens=[token])
    assert answer.error == "AccessDenied"
    assert [(record["outcome"], record["caller"]) for record in vault.ends(before)] == [("denied", None)]


def test_a_proof_made_for_another_function_is_worth_nothing(vault: Vault, desk: Caller, tokens: dict):
    token = next(iter(tokens.values()))["email"]
    other = replace(desk, prove=lambda session, _, *more: desk.prove(session, "another-function", *more))
    assert other.ask("resolve", PURPOSE, tokens=[token]).error == "AccessDenied"


def test_a_file_comes_back_in_the_clear_on_this_side_only(vault: Vault, crowd: list[Person], tokens: dict):
    key = "vaulted/users/a.csv"
    sender = vault.caller("cleanzone-tests-sender")
    allowed = f'objects = ["s3://{vault.zone.landing}/vaulted/*"]\nmax_rows = 1000'
    vault.allow(sender, "recall", ["resolve"], ["email"], allowed)
    before = vault.records()
    here = {"bucket": vault.zone.landing, "key": key}
    answer = sender.ask("resolve", "recall", object=here, columns=["email", "phone"])
    assert answer.error is None, answer.payload
    [clear] = vault.objects("_detokenized/")
    assert clear.endswith(f"/{key}")
    lines = list(DictReader(StringIO(vault.read(f"s3://{vault.landing}/{clear}").decode())))
    assert [line["email"] for line in lines] == [person.email for person in crowd]
    # Of another type he gets nothing, and nothing of it goes on to the lake again.
    assert [line["phone"] for line in lines] == [tokens[person.id]["phone"] for person in crowd]
    assert vault.zone.objects("_detokenized/", vault.zone.landing) == []
    assert [record["outcome"] for record in vault.ends(before)] == ["answered"]
    other = sender.ask("resolve", "recall", object=here | {"key": "elsewhere/a.csv"}, columns=["email"])
    assert other.error == "AccessDenied"


def test_who_is_forgotten_cannot_be_resolved_any_more(
    vault: Vault, desk: Caller, officer: Caller, crowd: list[Person], tokens: dict
):
    by_token, by_value, stays = crowd[10], crowd[11], crowd[12]
    addresses = [tokens[person.id]["email"] for person in (by_token, by_value, stays)]
    before, items = vault.records(), len(vault.items())
    answer = officer.ask("forget", ERASURE, tokens=[addresses[0]])
    assert [result["status"] for result in answer.payload["results"]] == ["forgotten"]
    answer = officer.ask("forget", ERASURE, values=[by_value.email], scope=SCOPE, type="email")
    assert [result["status"] for result in answer.payload["results"]] == ["forgotten"]
    assert [(r["outcome"], r["action"], r["purpose"]) for r in vault.ends(before)] == [
        ("answered", "forget", ERASURE)
    ] * 2
    assert by_value.email not in json.dumps(vault.records())
    # An entry and a pointer each.
    assert len(vault.items()) == items - 4
    assert desk.resolve(PURPOSE, *addresses) == dict(zip(addresses, [None, None, stays.email], strict=True))
    # Who comes again is somebody else, for all but the processes that may remember a token for five minutes.
    anew = vault.copy_of_function("cleanzone-tests-after-forgetting", Variant())
    again = vault.land("vaulted/again/users/a.csv", csv("id,last_name,email,phone", f"1,,{by_value.email},"))
    vault.converted(again, "tokenized")
    vault.lose(again)
    assert vault.invoke(again.named, anew).payload["status"] == "tokenized"
    token = vault.sent(again.key).strip().split(",")[-2]
    assert token.startswith("tok1_") and token not in addresses
    assert desk.resolve(PURPOSE, token) == {token: by_value.email}


def test_tokens_that_nobody_made_are_not_found(desk: Caller, tokens: dict):
    token = next(iter(tokens.values()))["phone"]
    assert desk.ask("resolve", PURPOSE, tokens=[token[:-1]]).error == "InvalidEvent"


def test_a_changed_item_is_detected(vault: Vault, desk: Caller, crowd: list[Person], tokens: dict):
    token = tokens[crowd[20].id]["email"]
    [entry] = [
        item
        for item in vault.items()
        if item.get("token", {}).get("S") == token and item["pk"]["S"].startswith("value#")
    ]
    sealed = bytearray(entry["sealed"]["B"])
    sealed[len(sealed) // 2] ^= 1
    vault.dynamodb.put_item(TableName=vault.table, Item=entry | {"sealed": {"B": bytes(sealed)}})
    try:
        assert desk.resolve(PURPOSE, token) == {token: None}
    finally:
        vault.dynamodb.put_item(TableName=vault.table, Item=entry)
    assert desk.resolve(PURPOSE, token) == {token: crowd[20].email}


def test_what_was_sealed_under_an_older_key_is_still_read(
    vault: Vault, desk: Caller, crowd: list[Person], tokens: dict
):
    keeper = vault.caller("cleanzone-tests-keeper")
    vault.allow(keeper, "yearly-rotation", ["rotate"], ["email"])
    answer = keeper.ask("rotate", "yearly-rotation")
    assert answer.error is None, answer.payload
    token = tokens[crowd[25].id]["email"]
    assert desk.resolve(PURPOSE, token) == {token: crowd[25].email}
    vault.send("vaulted/users/c.csv", csv("id,last_name,email,phone", f"90002,,{crowd[25].email},"))
    [[same]] = vault.zone.query("""SELECT email FROM "vaulted"."users" WHERE id = 90002""")
    assert same == token


# Who may do what.


def test_the_lakes_role_reaches_nothing_of_the_vault(vault: Vault, lakes_role: Twin, tokens: dict):
    s3 = lakes_role.client("s3")
    for bucket, key in [
        (vault.landing, "vaulted/users/a.csv"),
        (vault.config, "access.toml"),
        (vault.config, "lake.toml"),
        (vault.audit, next(iter(vault.records()), "none")),
    ]:
        assert refused(s3.get_object, Bucket=bucket, Key=key)
        assert refused(s3.put_object, Bucket=bucket, Key=key, Body=b"")
        assert refused(s3.list_objects_v2, Bucket=bucket)
    dynamodb = lakes_role.client("dynamodb")
    assert refused(dynamodb.scan, TableName=vault.table)
    key = {"pk": {"S": "key#index"}}
    assert refused(dynamodb.get_item, TableName=vault.table, Key=key)
    assert refused(dynamodb.batch_get_item, RequestItems={vault.table: {"Keys": [key]}})
    kms, arn = lakes_role.client("kms"), vault.outputs["VaultKeyArn"]
    assert refused(kms.generate_data_key, KeyId=arn, KeySpec="AES_256")
    [wrapped] = [item["wrapped"]["B"] for item in vault.items() if item["pk"]["S"] == "key#index"]
    context = {"cleanzone:vault-item": "key#index"}
    assert refused(kms.decrypt, KeyId=arn, CiphertextBlob=wrapped, EncryptionContext=context)
    functions = lakes_role.client("lambda")
    for function in (vault.function, vault.detokenizer):
        assert refused(functions.invoke, FunctionName=function, Payload=b"{}")


def test_the_tokenizer_neither_writes_the_rules_nor_reads_who_asked(vault: Vault, tokenizers_role: Twin, tokens: dict):
    s3 = tokenizers_role.client("s3")
    assert s3.get_object(Bucket=vault.config, Key="lake.toml")["Body"].read()
    for key in ("access.toml", "lake.toml", "anything"):
        assert refused(s3.put_object, Bucket=vault.config, Key=key, Body=b"")
        assert refused(s3.delete_object, Bucket=vault.config, Key=key)
    assert refused(s3.get_object, Bucket=vault.config, Key="access.toml")
    assert refused(s3.list_objects_v2, Bucket=vault.audit)
    assert refused(s3.put_object, Bucket=vault.audit, Key="mine", Body=b"")
    assert refused(s3.put_object, Bucket=vault.landing, Key="vaulted/users/a.csv", Body=b"")
    assert refused(s3.delete_object, Bucket=vault.landing, Key="vaulted/users/a.csv")
    assert refused(s3.delete_object, Bucket=vault.zone.landing, Key="vaulted/users/a.csv")
    assert refused(s3.get_object, Bucket=vault.zone.clean, Key="any")
    assert refused(tokenizers_role.client("dynamodb").scan, TableName=vault.table)
    assert refused(tokenizers_role.client("lambda").invoke, FunctionName=vault.detokenizer, Payload=b"{}")


def test_the_detokenizer_cannot_alter_what_it_has_recorded(
    vault: Vault, detokenizers_role: Twin, desk: Caller, tokens: dict
):
    desk.resolve(PURPOSE, next(iter(tokens.values()))["email"])
    before = vault.records()
    key = next(iter(before))
    s3 = detokenizers_role.client("s3")
    version = vault.s3.head_object(Bucket=vault.audit, Key=key)["VersionId"]
    assert refused(s3.delete_object, Bucket=vault.audit, Key=key)
    assert refused(s3.delete_object, Bucket=vault.audit, Key=key, VersionId=version)
    assert refused(s3.delete_object, Bucket=vault.audit, Key=key, VersionId=version, BypassGovernanceRetention=True)
    assert refused(s3.get_object, Bucket=vault.audit, Key=key)
    assert refused(s3.list_objects_v2, Bucket=vault.audit)
    # Under the same key it can only add a version: the record stays.
    s3.put_object(Bucket=vault.audit, Key=key, Body=b"{}")
    kept = vault.s3.get_object(Bucket=vault.audit, Key=key, VersionId=version)["Body"].read()
    assert json.loads(kept) == before[key]
    vault.s3.put_object(Bucket=vault.audit, Key=key, Body=kept)
    for name in ("access.toml", "lake.toml"):
        assert refused(s3.put_object, Bucket=vault.config, Key=name, Body=b"")
    assert refused(s3.get_object, Bucket=vault.landing, Key="vaulted/users/a.csv")
    assert refused(s3.put_object, Bucket=vault.landing, Key="vaulted/users/a.csv", Body=b"")
    assert refused(detokenizers_role.client("dynamodb").scan, TableName=vault.table)


def test_not_even_an_administrator_deletes_a_record(vault: Vault, desk: Caller, tokens: dict):
    desk.resolve(PURPOSE, next(iter(tokens.values()))["email"])
    key = next(iter(vault.records()))
    version = vault.s3.head_object(Bucket=vault.audit, Key=key)["VersionId"]
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    s3 = vault.caller("cleanzone-tests-administrator", everything).client("s3")
    assert s3.get_object(Bucket=vault.audit, Key=key)["VersionId"] == version
    assert refused(s3.delete_object, Bucket=vault.audit, Key=key)
    assert refused(s3.delete_object, Bucket=vault.audit, Key=key, VersionId=version)


def test_records_are_locked_and_keys_stay():
    audit = TEMPLATE["Resources"]["AuditBucket"]["Properties"]
    assert audit["ObjectLockEnabled"] is True
    assert audit["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "GOVERNANCE"
    assert TEMPLATE["Resources"]["VaultKey"]["DeletionPolicy"] == "Retain"
    table = TEMPLATE["Resources"]["TokenTable"]
    assert table["DeletionPolicy"] == "Retain" and table["Properties"]["DeletionProtectionEnabled"] is True


def test_the_roles_trust_lambda_alone_and_name_no_action_by_a_pattern(vault: Vault):
    for role in (vault.role, vault.detokenizers_role):
        trust = vault.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert [(s["Effect"], s["Principal"], s["Action"]) for s in trust] == [
            ("Allow", {"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
        ]
        for statement in vault.policy(role)["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action]
