"""The state machine: every path through it, what it waits for, whom it tells, and that it runs once a version."""

import json
import time

import cfnlint.decode.cfn_yaml
import pytest
from lake import ROOT
from ways import Execution, Way, Workflow, parameters
from zone import Failure, Upload, Variant, Zone, csv

TEMPLATE = cfnlint.decode.cfn_yaml.load(str(ROOT / "template.yaml"))
BODY = csv("name,n", "a,1", "b,2")
PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
NAMES = ["two words", "a+b", "50%", "%41 100%25", "a&b=c;d", "naïve café", "🙂 done ✅"]
# How often a task is tried in all, where it fails for good: throttled by us, or by a service that is out of order.
PATIENT, HOPEFUL = 13, 7


@pytest.fixture(scope="module")
def way(ways: dict[str, Way]) -> Way:
    return ways["workflow"]


@pytest.fixture(scope="module")
def zone(way: Way) -> Zone:
    return way.zone


@pytest.fixture(scope="module")
def workflow(zone: Zone) -> Workflow:
    return Workflow(zone)


def path(execution: Execution) -> list[str]:
    """The names of the states, in their order; a Fail state has no end of its own."""
    return [name for name, _ in execution.states]


def told(zone: Zone, upload: Upload) -> Failure:
    [failure] = zone.until(f"the topic is told of {upload.uri}", lambda: zone.told_of(upload))
    return failure


CONVERTED = ["Check File Extension", "Choose Route", "Process CSV", "Success"]
TOLD = ["Describe Failure", "Write Notice", "SNS Publish"]
REJECTED = ["Check File Extension", "Choose Route", "Invalid File Format", *TOLD]
QUARANTINED = ["Check File Extension", "Choose Route", "Personal Data", *TOLD]
FAILED = ["Check File Extension", "Choose Route", "Process CSV", *TOLD]


def test_personal_data_is_put_aside_and_told(workflow: Workflow, database: str):
    zone = workflow.zone
    zone.rule(f'match = "{database}/people/*"\ncolumns.email.pii = "token"')
    upload = zone.land(f"{database}/people/a.csv", csv("id,email", "1,sentinel@example.org"))
    execution = workflow.of(upload)
    assert (execution.status, path(execution), execution.error) == ("FAILED", QUARANTINED, "PiiNotTokenized")
    assert "sentinel" not in execution.cause + told(zone, upload).body
    assert zone.read(f"s3://{upload.bucket}/_quarantine/{upload.key}") == zone.read(upload.uri)
    assert not zone.has_database(database)


# Every path, each with every kind of name.


@pytest.fixture(scope="module")
def landed(zone: Zone) -> dict[tuple[str, str], Upload]:
    """All of them at once."""
    kinds = {"csv": BODY, "CSV": BODY, "pdf": PDF, "csv.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + bytes(range(99))}
    uploads = {
        (name, k): zone.land(f"paths/{k.replace('.', '_')}/{name}.{k}", kinds[k]) for name in NAMES for k in kinds
    }
    return uploads | {(name, "folder"): zone.land(f"paths/{name}/", b"") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["csv", "CSV"])
def test_a_csv_file_succeeds(workflow: Workflow, landed: dict, name: str, kind: str):
    upload = landed[name, kind]
    execution = workflow.of(upload)
    assert (execution.status, path(execution)) == ("SUCCEEDED", CONVERTED), execution
    assert execution.states[0][1]["file_extension"] == ".csv"
    assert (execution.output["rows"], execution.output["source"]["key"]) == (2, upload.key)
    assert workflow.zone.told_of(upload) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_ends_quietly(workflow: Workflow, landed: dict, name: str):
    execution = workflow.of(landed[name, "folder"])
    assert (execution.status, path(execution)) == ("SUCCEEDED", ["Check File Extension", "Choose Route", "Success"])
    assert workflow.zone.told_of(landed[name, "folder"]) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("kind", "error", "way_through"),
    [("pdf", "InvalidFileFormat", REJECTED), ("csv.gz", "InvalidCompression", FAILED)],
)
def test_what_fails_is_told_of_once_and_fails(  # noqa: PLR0913, PLR0917
    workflow: Workflow, landed: dict, name: str, kind: str, error: str, way_through: list[str]
):
    upload = landed[name, kind]
    execution = workflow.of(upload)
    assert (execution.status, execution.error, path(execution)) == ("FAILED", error, way_through), execution
    message = told(workflow.zone, upload)
    for text in (upload.uri, f"Error:   {error}", execution.cause, execution.arn, "What to do", "will not be tried"):
        assert text in message.body
    assert '{"error' not in message.body


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("kind", "table"), [("pdf", "pdf"), ("csv.gz", "csv_gz")])
def test_a_program_can_read_what_was_told(workflow: Workflow, landed: dict, name: str, kind: str, table: str):
    # MiniStack drops the attributes on their way to the topic. So they are looked at before, and sent by ourselves.
    upload = landed[name, kind]
    execution = workflow.of(upload)
    notice = dict(execution.states)["Write Notice"]
    attributes = {name: value["StringValue"] for name, value in notice["MessageAttributes"].items()}
    place = {"database": "paths", "table": table}
    known = {"error": execution.error, "kind": "permanent", "bucket": upload.bucket, "key": upload.key}
    assert attributes == known | place
    assert len(notice["Subject"]) <= 100
    assert notice["Subject"].isascii()
    assert notice["Subject"].startswith(f"{execution.error}: paths.{table}, ")
    topic = workflow.zone.outputs["FailureTopicArn"]
    assert workflow.zone.client("sns").publish(TopicArn=topic, **notice)["MessageId"]


def test_whoever_subscribes_is_told(zone: Zone, workflow: Workflow, database: str):
    url = zone.sqs.create_queue(QueueName="cleanzone-tests-subscriber")["QueueUrl"]
    arn = zone.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = zone.outputs["FailureTopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    zone.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    zone.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    upload = zone.land(f"{database}/t/report.pdf", PDF)

    def received() -> list[dict]:
        messages = zone.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        envelopes = [json.loads(message["Body"]) for message in messages]
        return [envelope for envelope in envelopes if upload.uri in envelope["Message"]]

    [envelope] = zone.until("the subscriber is told", received)
    assert envelope["Subject"] == f"InvalidFileFormat: {database}.t, report.pdf"
    assert workflow.of(upload).status == "FAILED"


def test_what_is_gone_is_a_failure_that_names_it(workflow: Workflow, database: str):
    gone = Upload(workflow.zone.landing, f"{database}/t/gone.csv", "")
    execution = workflow.start({"bucket": gone.bucket, "key": gone.key})
    assert (execution.status, execution.error) == ("FAILED", "SourceNotFound")
    assert path(execution) == ["Check File Extension", *TOLD]
    assert len(execution.failures) == 1
    assert "SourceNotFound" in told(workflow.zone, gone).body


@pytest.mark.parametrize("event", [{"hello": 1}, {}, {"bucket": "b"}, {"detail": {"object": 7}}])
def test_an_event_that_nobody_knows_fails_and_is_told_of(workflow: Workflow, event: dict):
    execution = workflow.start(event)
    assert (execution.status, execution.error) == ("FAILED", "InvalidEvent")
    workflow.zone.until("the failure is told", lambda: [f for f in workflow.zone.failures() if execution.arn in f.body])


def test_a_person_starts_it_with_an_event_or_with_a_name(zone: Zone, workflow: Workflow, database: str):
    upload = zone.land(f"{database}/t/a b.csv", BODY)
    zone.converted(upload)
    detail = {"bucket": {"name": upload.bucket}, "object": {"key": upload.key, "version-id": upload.version}}
    event = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    for given in (upload.named, event):
        execution = workflow.start(given)
        assert (execution.status, path(execution)) == ("SUCCEEDED", CONVERTED), execution
        assert execution.output["source"]["version"] == upload.version
    assert zone.count(database, "t") == 2


# What passes is waited for, and nothing else.


def faulty(workflow: Workflow, of: str, faults: str) -> Workflow:
    """The state machine with a copy of one function that fails so."""
    name = f"cleanzone-tests-{of}-{faults.replace(':', '-')}"
    function = workflow.zone.copy_of_function(name, Variant(environment={"INJECT_FAULTS": faults}), of)
    deployed = f"{workflow.zone.outputs[f'{of}FunctionName']}:live"
    definition = workflow.client.describe_state_machine(stateMachineArn=workflow.machine)["definition"]
    [arn] = {value for value in _strings(json.loads(definition)) if value.endswith(deployed)}
    return workflow.copy(name, **{arn: function})


def _strings(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in _strings(value)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("of", ["CsvToParquet", "RouteFile"])
@pytest.mark.parametrize("error", ["Throttled", "ServiceUnavailable", "Conflict"])
def test_what_fails_twice_and_passes_succeeds(zone: Zone, workflow: Workflow, database: str, error: str, of: str):
    upload = zone.land(f"{database}/t/file.csv", BODY)
    zone.converted(upload)
    execution = faulty(workflow, of, f"{error}:2").start(upload.named)
    assert (execution.status, execution.failures) == ("SUCCEEDED", [error] * 2), execution
    assert zone.told_of(upload) == []


@pytest.mark.parametrize("of", ["CsvToParquet", "RouteFile"])
@pytest.mark.parametrize(
    ("error", "tries", "kind"),
    [("Throttled", PATIENT, "transient"), ("ServiceUnavailable", HOPEFUL, "transient"), ("Internal", 1, "permanent")],
)
def test_what_never_passes_is_given_up_and_told_of(  # noqa: PLR0913, PLR0917
    zone: Zone, workflow: Workflow, database: str, of: str, error: str, tries: int, kind: str
):
    upload = zone.land(f"{database}/t/file.csv", BODY)
    zone.converted(upload)
    execution = faulty(workflow, of, f"{error}:1000").start(upload.named)
    assert (execution.status, execution.error) == ("FAILED", error)
    assert execution.failures == [error] * tries
    assert dict(execution.states)["Write Notice"]["MessageAttributes"]["kind"]["StringValue"] == kind
    message = told(zone, upload)
    assert ("It was tried again and still failed." in message.body) == (kind == "transient")


def test_a_topic_that_is_gone_does_not_hide_the_failure(zone: Zone, workflow: Workflow, database: str):
    topic = zone.outputs["FailureTopicArn"]
    speechless = workflow.copy("cleanzone-tests-speechless-workflow", **{topic: f"{topic}-gone"})
    execution = speechless.start({"bucket": zone.landing, "key": f"{database}/t/gone.csv"})
    assert (execution.status, execution.error) == ("FAILED", "SourceNotFound")
    assert execution.failures[0] == "SourceNotFound"
    assert len(execution.failures) > 1


# One execution a version.


@pytest.fixture(scope="module")
def starter(workflow: Workflow) -> Workflow:
    machines = workflow.client.list_state_machines()["stateMachines"]
    [arn] = [m["stateMachineArn"] for m in machines if m["name"] == "cleanzone-byworkflow-start-process-file"]
    return Workflow(workflow.zone, arn)


def created(bucket: str, key: str, **of_object: str) -> dict:
    """An event as EventBridge hands it over."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key} | of_object}
    return {"version": "0", "id": "e", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


@pytest.mark.parametrize("name", ["file", *NAMES])
def test_an_event_that_comes_twice_starts_one_execution(
    zone: Zone, workflow: Workflow, starter: Workflow, database: str, name: str
):
    first = zone.land(f"_quarantine/{database}/{name}.csv", BODY)
    second = zone.land(first.key, BODY)
    for upload in (first, first, second, first):
        event = created(upload.bucket, upload.key, **{"version-id": upload.version, "sequencer": "0A"})
        started = starter.start(event)
        assert started.status == "SUCCEEDED", started
    executions = workflow.all_of(first.key)
    assert sorted(e.input["version_id"] for e in executions) == sorted([first.version, second.version])
    assert len({e.arn for e in executions}) == 2


def test_without_versions_the_sequencer_tells_them_apart(
    zone: Zone, workflow: Workflow, starter: Workflow, database: str
):
    key = f"_quarantine/{database}/file.csv"
    for sequencer in ("0A", "0A", "0B"):
        assert starter.start(created(zone.landing, key, sequencer=sequencer)).status == "SUCCEEDED"
    executions = workflow.all_of(key)
    assert sorted((e.input["version_id"], e.input["sequencer"]) for e in executions) == [(None, "0A"), (None, "0B")]


def test_an_event_that_nothing_can_be_started_for_is_kept(zone: Zone, workflow: Workflow, starter: Workflow):
    lost = starter.copy("cleanzone-tests-lost", **{workflow.machine: f"{workflow.machine}-gone"})
    event = created(zone.landing, "sales/orders/🙂 a+b%.csv", sequencer="0A")
    assert lost.start(event).status == "FAILED"
    url = zone.outputs["IngestDeadLetterQueueUrl"]
    messages = zone.until("it is kept", lambda: zone.sqs.receive_message(QueueUrl=url).get("Messages"))
    assert [json.loads(message["Body"]) for message in messages] == [event]
    # It is sent again as README says.
    assert workflow.start(json.loads(messages[0]["Body"])).error == "SourceNotFound"
    zone.sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])


# How it is built.


def test_functions_are_called_by_their_alias(zone: Zone, workflow: Workflow):
    definition = workflow.client.describe_state_machine(stateMachineArn=workflow.machine)["definition"]
    called = {text for text in _strings(json.loads(definition)) if ":function:" in text}
    assert {arn.split(":function:")[1] for arn in called} == {
        f"{zone.function}:live",
        f"{zone.outputs['RouteFileFunctionName']}:live",
    }
    for arn in called:
        assert zone.functions.get_function(FunctionName=arn)["Configuration"]["Version"] != "$LATEST"


def statements(zone: Zone, role: str) -> list[dict]:
    name = role.rsplit("/", 1)[-1]
    [policy] = zone.iam.list_role_policies(RoleName=name)["PolicyNames"]
    return zone.iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]


def test_each_role_may_do_one_thing(zone: Zone, workflow: Workflow, starter: Workflow):
    # MiniStack does not ask these roles. What they name is what the state machines name, and nothing else.
    def narrow(role: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for statement in statements(zone, role):
            resources = statement["Resource"]
            if statement.get("Sid") not in ("Log", "Trace"):
                found[statement["Action"]] = set([resources] if isinstance(resources, str) else resources)
        return found

    described = workflow.client.describe_state_machine(stateMachineArn=workflow.machine)
    called = {text for text in _strings(json.loads(described["definition"])) if ":function:" in text}
    topic = zone.outputs["FailureTopicArn"]
    assert narrow(described["roleArn"]) == {"lambda:InvokeFunction": called, "sns:Publish": {topic}}

    dead = zone.sqs.get_queue_attributes(QueueUrl=zone.outputs["IngestDeadLetterQueueUrl"], AttributeNames=["QueueArn"])
    described = workflow.client.describe_state_machine(stateMachineArn=starter.machine)
    assert narrow(described["roleArn"]) == {
        "states:StartExecution": {workflow.machine},
        "sqs:SendMessage": {dead["Attributes"]["QueueArn"]},
    }
    events = zone.client("events")
    [target] = events.list_targets_by_rule(Rule="cleanzone-byworkflow-landed")["Targets"]
    assert target["Arn"] == starter.machine
    assert narrow(target["RoleArn"]) == {"states:StartExecution": {starter.machine}}


@pytest.mark.parametrize("name", ["ProcessFilesStateMachine", "StartProcessFileStateMachine"])
def test_both_state_machines_log_and_trace(name: str):
    # MiniStack does neither.
    properties = TEMPLATE["Resources"][name]["Properties"]
    assert properties["Tracing"] == {"Enabled": True}
    assert properties["Logging"]["Level"] == {"Ref": "WorkflowLogLevel"}
    [destination] = properties["Logging"]["Destinations"]
    [group, _] = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
    assert TEMPLATE["Resources"][group]["Type"] == "AWS::Logs::LogGroup"


def test_faults_are_refused_in_production(zone: Zone):
    with pytest.raises(SystemExit):
        zone.lake.deploy("cleanzone-prod", EnvironmentName="prod", InjectFaults="Throttled:1")
    assert "InjectFaults has to be empty" in (zone.lake.folder / "deploy-cleanzone-prod.log").read_text()


def test_a_setting_that_changes_reaches_the_alias(way: Way, database: str):
    zone = way.zone
    function = f"{zone.function}:live"

    def settings() -> tuple[str, str]:
        found = zone.functions.get_function_configuration(FunctionName=function)
        return found["Version"], found["Environment"]["Variables"]["MAX_REJECTED_RATIO"]

    version, _ = settings()
    changes = {"MaxRejectedRatio": "0.5", "IngestPrefix": "incoming/"}
    zone.lake.deploy(way.stack, **parameters(way.name) | changes)
    assert settings() == (str(int(version) + 1), "0.5")
    # And the prefix reaches the rule.
    outside = zone.land(f"{database}/t/file.csv", BODY)
    zone.convert(f"incoming/{database}/t/file.csv", BODY)
    time.sleep(1)
    assert Workflow(zone).all_of(outside.key) == []
