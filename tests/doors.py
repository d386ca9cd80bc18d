"""The other ways into the lake, built around a copy of the function as a user would build them."""

import json
from dataclasses import dataclass
from functools import cached_property

from zone import Upload, Variant, Zone

BUCKET = "cleanzone-tests-side-door"
CREATED = ["s3:ObjectCreated:*"]


@dataclass(frozen=True)
class Queue:
    url: str
    arn: str


class SideDoor:
    """A bucket whose events take a different way to the function under each prefix."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.bucket = BUCKET
        self._routes: dict[str, list[dict]] = {}
        self._bus = False
        zone.s3.create_bucket(Bucket=BUCKET)
        zone.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.sns = zone.client("sns")
        self._events = zone.client("events")

    @cached_property
    def function(self) -> str:
        """Reads from this bucket, and may be fed by queues; everything else as deployed."""
        consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        return self.copy("cleanzone-tests-side-door", consume=consume)

    def copy(self, name: str, *, consume: list[str] | None = None, **changes) -> str:
        """A copy of the function that reads from this bucket."""
        variant = Variant(**changes)
        variant.policy = {self.zone.landing: BUCKET} | variant.policy
        if consume:
            variant.and_also = [*variant.and_also, {"Effect": "Allow", "Action": consume, "Resource": "*"}]
        return self.zone.copy_of_function(name, variant)

    def land(self, key: str, body: bytes | str) -> Upload:
        return self.zone.land(key, body, BUCKET)

    # Each of these returns the prefix that goes its way.

    def direct(self, name: str, function: str) -> str:
        """S3 → Lambda."""
        self._may_invoke(function, f"bucket-{name}", "s3.amazonaws.com", f"arn:aws:s3:::{BUCKET}")
        return self._route(name, "LambdaFunctionConfigurations", {"LambdaFunctionArn": function})

    def by_topic(self, name: str) -> str:
        """S3 → SNS → Lambda."""
        topic = self._topic(name)
        self._may_invoke(self.function, f"topic-{name}", "sns.amazonaws.com", topic)
        self.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=self.function)
        return self._route(name, "TopicConfigurations", {"TopicArn": topic})

    def by_queue(self, name: str) -> tuple[str, Queue]:
        """S3 → SQS → Lambda."""
        queue = self.queue(name, "s3.amazonaws.com", f"arn:aws:s3:::{BUCKET}")
        self.feed(queue, self.function)
        return self._route(name, "QueueConfigurations", {"QueueArn": queue.arn}), queue

    def by_topic_and_queue(self, name: str) -> tuple[str, Queue]:
        """S3 → SNS → SQS → Lambda."""
        topic = self._topic(name)
        queue = self.queue(name, "sns.amazonaws.com", topic)
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
        self.feed(queue, self.function)
        return self._route(name, "TopicConfigurations", {"TopicArn": topic}), queue

    def by_event_bridge(self, name: str) -> str:
        """S3 → EventBridge → Lambda."""
        rule = self._rule(name, self.function)
        self._may_invoke(self.function, f"rule-{name}", "events.amazonaws.com", rule)
        return name

    def by_event_bridge_and_queue(self, name: str) -> tuple[str, Queue]:
        """S3 → EventBridge → SQS → Lambda."""
        queue = self.queue(name, "events.amazonaws.com", "arn:aws:events:*")
        self.feed(queue, self.function)
        self._rule(name, queue.arn)
        return name, queue

    def captured(self, name: str) -> tuple[str, Queue]:
        """S3 → SQS, and nobody reads it but the test."""
        queue = self.queue(name, "s3.amazonaws.com", f"arn:aws:s3:::{BUCKET}")
        return self._route(name, "QueueConfigurations", {"QueueArn": queue.arn}), queue

    def capture(self, queue: Queue, uploads: list[Upload]) -> list[dict]:
        """The events that S3 has sent of these uploads, in their order."""
        events: dict[str, dict] = {}

        def arrived() -> bool:
            answer = self.zone.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                for record in event.get("Records", []):
                    events[record["s3"]["object"]["versionId"]] = event
                self.zone.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            return all(upload.version in events for upload in uploads)

        self.zone.until("S3 has sent its events", arrived)
        return [events[upload.version] for upload in uploads]

    # What they are built of.

    def queue(self, name: str, sender: str, source: str) -> Queue:
        url = self.zone.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.zone.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = _allow(sender, "sqs:SendMessage", arn, source)
        self.zone.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return Queue(url, arn)

    def feed(self, queue: Queue, function: str) -> None:
        self.zone.functions.create_event_source_mapping(
            EventSourceArn=queue.arn,
            FunctionName=function,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def waiting(self, queue: Queue) -> int:
        """Messages that are in the queue, or being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        numbers = self.zone.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
        return sum(int(number) for number in numbers.values())

    def _rule(self, name: str, target: str) -> str:
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [BUCKET]}, "object": {"key": [{"prefix": f"{name}/"}]}},
        }
        rule = self._events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        self._events.put_targets(Rule=name, Targets=[{"Id": "target", "Arn": target}])
        self._bus = True
        self._configure()
        return rule

    def _topic(self, name: str) -> str:
        topic = self.sns.create_topic(Name=name)["TopicArn"]
        policy = _allow("s3.amazonaws.com", "sns:Publish", topic, f"arn:aws:s3:::{BUCKET}")
        self.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        return topic

    def _may_invoke(self, function: str, statement: str, principal: str, source: str) -> None:
        self.zone.functions.add_permission(
            FunctionName=function,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
        )

    def _route(self, name: str, kind: str, target: dict) -> str:
        prefix = {"FilterRules": [{"Name": "prefix", "Value": f"{name}/"}]}
        self._routes.setdefault(kind, []).append(target | {"Id": name, "Events": CREATED, "Filter": {"Key": prefix}})
        self._configure()
        return name

    def _configure(self) -> None:
        bus = {"EventBridgeConfiguration": {}} if self._bus else {}
        self.zone.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=self._routes | bus)


def _allow(service: str, action: str, resource: str, source: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnLike": {"aws:SourceArn": source}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
