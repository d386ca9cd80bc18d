"""What is watched, and what it costs: alarms of two classes, a dashboard, and tags on everything that takes them."""

import json
import re

import cfnlint.decode.cfn_yaml
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from lake import REGION, ROOT
from vaults import Vault
from zone import Stack, Upload, Zone, csv

RESOURCES = {
    f"{file}:{name}": resource
    for file in ("template.yaml", "vault.yaml")
    for name, resource in cfnlint.decode.cfn_yaml.load(str(ROOT / file))["Resources"].items()
}
# The template is written in the one, and its schema is of the other.
DEPLOYED_AS = {
    "AWS::Serverless::Function": "AWS::Lambda::Function",
    "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
}
TAGS = {"environment": {"Ref": "EnvironmentName"}, "cost-center": {"Ref": "CostCenter"}}


@pytest.mark.parametrize("name", RESOURCES)
def test_everything_that_takes_tags_carries_those_of_the_bill(name: str):
    resource = RESOURCES[name]
    kind = DEPLOYED_AS.get(resource["Type"], resource["Type"])
    if "Tags" in PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["properties"]:
        tags = resource["Properties"]["Tags"]
        assert (tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}) == TAGS


def watched(stack: Stack) -> dict[str, dict]:
    """The alarms of this stack, by what their names say beside the environment."""
    resources = stack.client("cloudformation").describe_stack_resources(StackName=stack.name)["StackResources"]
    names = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::CloudWatch::Alarm"]
    prefix = re.match("cleanzone-[^-]+-", stack.function)[0]
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=names)
    return {a["AlarmName"].removeprefix(prefix): a for page in pages for a in page["MetricAlarms"]}


def test_functions_that_fail_and_data_that_fails_are_told_apart(zone: Zone):
    alarms = watched(zone)
    assert {name.split("-")[0] for name in alarms} == {"function", "data"}
    assert all(alarm["AlarmDescription"] for alarm in alarms.values())
    seen = {name: (alarm["Namespace"], alarm["MetricName"]) for name, alarm in alarms.items()}
    assert seen["function-failed"] == ("AWS/Lambda", "Errors")
    assert seen["function-errors"] == ("cleanzone", "FunctionErrors")
    assert seen["function-throttled"] == ("AWS/Lambda", "Throttles")
    assert seen["data-failed"] == ("cleanzone", "DataErrors")
    for alarm in alarms.values():
        for dimension in alarm["Dimensions"]:
            if dimension["Name"] == "FunctionName":
                assert dimension["Value"] == zone.function


def test_the_alarms_of_the_pii_stack_tell_them_apart_too(vault: Vault):
    alarms = watched(vault)
    assert {name.split("-")[0] for name in alarms} == {"function", "data"}
    assert all(alarm["AlarmDescription"] for alarm in alarms.values())
    seen = {name: (alarm["Namespace"], alarm["MetricName"]) for name, alarm in alarms.items()}
    assert seen["function-tokenize-failed"] == ("AWS/Lambda", "Errors")
    assert seen["function-tokenize-errors"] == ("cleanzone", "FunctionErrors")
    assert seen["function-tokenize-rules-broken"] == ("cleanzone", "StaleRules")
    assert seen["data-tokenize-failed"] == ("cleanzone", "DataErrors")
    for alarm in alarms.values():
        for dimension in alarm["Dimensions"]:
            if dimension["Name"] == "FunctionName":
                assert dimension["Value"] in (vault.function, vault.detokenizer)


def test_the_dashboard_shows_both(zone: Zone):
    name = zone.function.removesuffix("-csv-to-parquet")
    body = json.loads(zone.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    text = json.dumps([widget["properties"]["metrics"] for widget in body["widgets"]])
    for metric in (
        "Objects",
        "Rows",
        "RejectedRows",
        "BytesIn",
        "BytesOut",
        "Duration",
        "FunctionErrors",
        "DataErrors",
        "Warnings",
    ):
        assert f'"{metric}"' in text
    assert zone.function in text
    assert all(widget["properties"]["title"] for widget in body["widgets"])


def measured(zone: Zone, upload: Upload) -> dict | None:
    """What the function has counted of an upload."""
    lines = [json.loads(line) for line in zone.log.lines() if '"_aws"' in line]
    return next((line for line in lines if (line.get("bucket"), line.get("key")) == (upload.bucket, upload.key)), None)


def test_what_is_watched_is_what_the_function_says_of_each_object(zone: Zone, database: str):
    good = zone.land(f"{database}/t/good.csv", csv("n", "1", "2"))
    bad = zone.land(f"{database}/t/bad.csv", b"%PDF-1.7\n%%EOF\n")
    zone.converted(good)
    zone.failed(bad)

    line = zone.until("the file is measured", lambda: measured(zone, good))
    names = {m["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for m in directive["Metrics"]}
    assert names >= {"Objects", "Rows", "RejectedRows", "BytesIn", "BytesOut", "Duration", "DataErrors"}
    assert {d["Namespace"] for d in line["_aws"]["CloudWatchMetrics"]} == {"cleanzone"}
    assert (line["FunctionName"], line["Rows"]) == (zone.function, 2)
    assert (line["DataErrors"], line["FunctionErrors"]) == (0, 0)
    line = zone.until("the failure is measured", lambda: measured(zone, bad))
    assert (line["DataErrors"], line["FunctionErrors"]) == (1, 0)


def test_a_warning_is_counted_with_each_file_and_told_once_a_day(zone: Zone, database: str):
    zone.rule(f'match = "{database}/t/*"\ncolumns.nowhere.trim = true')
    uploads = [zone.land(f"{database}/t/{name}.csv", csv("n", "1", "2")) for name in "abc"]
    for upload in uploads:
        report = zone.converted(upload)
        assert report["warnings_by_kind"] == {"AbsentColumn": 1}
        assert [(w["kind"], w["column"]) for w in report["warnings"]] == [("AbsentColumn", "nowhere")]
        # It is measured when nobody else will be told of it.
        line = zone.until("the file is measured", lambda upload=upload: measured(zone, upload))
        assert (line["Rows"], line["Warnings"]) == (2, 1)
        said = [line for line in zone.log.about(upload.uri) if line.get("warning")]
        assert [(line["level"], line["warning"], line["column"]) for line in said] == [
            ("WARN", "AbsentColumn", "nowhere")
        ]
    (told,) = zone.until("the topic has been told", lambda: zone.warnings_of(database))
    assert (told.attributes["warning"], told.attributes["table"]) == ("AbsentColumn", "t")
    assert "column nowhere: " in told.body and f"Table:   {database}.t\n" in told.body
    marks = [key for key in zone.objects("_cleanzone/warnings/", zone.clean) if f"/{database}.t/" in key]
    assert [mark.rsplit("/", 1)[1] for mark in marks] == ["AbsentColumn"]
    by_kind = [json.loads(line) for line in zone.log.lines() if '"WarningKind"' in line]
    assert len([line for line in by_kind if line["WarningKind"] == "AbsentColumn"]) >= 3

    # An event that comes again tells of nothing again.
    answer = zone.invoke(uploads[0].named).payload
    assert (answer["status"], answer.get("warnings")) == ("unchanged", None)
    assert len(zone.warnings_of(database)) == 1
