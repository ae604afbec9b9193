"""What others than Alertmanager send, to the showcase stack: each opens an incident of the right container, which is healed once
and closed by the same sender's word."""

import base64
import json
import subprocess
import time

import stack as e2e
from scenario import WithoutAlerts

ACCOUNT, REGION = "000000000000", "eu-central-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:heal"
# As webhook/README.md tells of it: which container an event is of stands in its labels.
ROUTES = """routes:
  - match: ['source="azure-monitor"']
    playbook: restart-container
    target: "container/local/{{ labels.resource }}"
  - match: ['source="eventbridge"']
    playbook: restart-container
    target: "container/local/{{ labels.container }}"
"""
SOURCES = f"""
sources:
  sns: {{topics: ["{TOPIC}"], certificate_files: [sns.pem]}}
"""


def stamp(at=None):
    at = time.time() if at is None else at
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"


def azure_monitor(alert_id, resource, condition, fired):
    """The common alert schema of a metric alert."""
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": {
        "essentials": {
            "alertId": f"/subscriptions/s0/providers/Microsoft.AlertsManagement/alerts/{alert_id}", "alertRule": "api-unavailable",
            "severity": "Sev1", "signalType": "Metric", "monitorCondition": condition, "monitoringService": "Platform",
            "alertTargetIDs": [f"/subscriptions/s0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/{resource}"],
            "configurationItems": [resource], "originAlertId": "o-1", "firedDateTime": fired,
            **({"resolvedDateTime": stamp()} if condition == "Resolved" else {}),
            "description": "", "essentialsVersion": "1.0", "alertContextVersion": "1.0"},
        "alertContext": {"properties": None, "conditionType": "SingleResourceMultipleMetricCriteria", "condition": {
            "windowSize": "PT5M", "allOf": [{
                "metricName": "Availability", "metricNamespace": "Microsoft.Compute/virtualMachines", "operator": "LessThan",
                "threshold": "90", "timeAggregation": "Average", "dimensions": [], "metricValue": 12.5}]}},
        "customProperties": {"runbook": "restart"}}}


def ecs_task(task, container, status, at):
    """EventBridge's "ECS Task State Change" of a task of the service `demo`."""
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    detail = {"taskArn": f"{arn}:task/c1/{task}", "clusterArn": f"{arn}:cluster/c1", "group": "service:demo", "launchType": "FARGATE",
              "taskDefinitionArn": f"{arn}:task-definition/demo:7", "desiredStatus": status, "lastStatus": status, "version": 5}
    if status == "STOPPED":
        detail |= {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppedAt": at,
                   "containers": [{"name": container, "lastStatus": status, "exitCode": 137, "reason": "OutOfMemoryError: container killed"}]}
    else:
        detail |= {"startedAt": at, "containers": [{"name": container, "lastStatus": status}]}
    return {"version": "0", "id": f"e-{task}-{status}", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": ACCOUNT,
            "time": stamp(), "region": REGION, "resources": [detail["taskArn"]], "detail": detail}


class SnsTopic:
    """A topic with a key of its own, which signs as SNS does; its certificate is given to heal-webhook beforehand."""

    def __init__(self, folder):
        self.key, self.certificate = folder / "sns.key", folder / "sns.pem"
        e2e.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sns.amazonaws.com", "-days", "1",
                "-keyout", self.key, "-out", self.certificate)
        self.certificate.chmod(0o644)

    def notification(self, event):
        body = {"Type": "Notification", "MessageId": event["id"], "TopicArn": TOPIC, "Message": json.dumps(event), "Timestamp": stamp()}
        text = "".join(f"{name}\n{body[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), capture_output=True, check=True)
        return body | {"SignatureVersion": "2", "Signature": base64.b64encode(signed.stdout).decode(),
                       "SigningCertURL": f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-test.pem"}


class Senders(WithoutAlerts):
    """Azure Monitor, EventBridge and SNS; and Alertmanager by its other address."""

    container = "demo-api"

    @classmethod
    def arrange(cls, heal_yml):
        cls.topic = SnsTopic(cls.stack.work)
        (cls.folder / "sns.pem").write_bytes(cls.topic.certificate.read_bytes())
        e2e.edit(heal_yml, r"\nroutes:\n", "\n" + ROUTES)
        heal_yml.write_text(heal_yml.read_text() + SOURCES)

    def send(self, path, body):
        return self.stack.webhook(path, body, ("alertmanager", "ingest"))

    def check(self, path, firing, kind, resolved):
        """Told twice, and healed once; what it says last is that it is over."""
        name = self.stack.prefix + self.container
        self.stack.docker("stop", "-t", "10", name)
        status, answer = self.send(path, firing())
        self.assertEqual((202, 1, []), (status, answer["accepted"], answer["rejected"]), answer)
        self.assertEqual((200, 1), (lambda told: (told[0], told[1]["duplicates"]))(self.send(path, firing())))
        incident = self.incident_until(lambda i: i["times"]["verified_at"])
        self.assertEqual(answer["incidents"], [incident["id"]])
        self.assertEqual((self.target, "restart-container", kind), (incident["target"], incident["playbook"], incident["type"]))
        self.assertEqual(1, self.stack.events(self.container, self.started, "start"))
        self.assertEqual(200, self.stack.http("DEMO_API_PORT", "/health")[0])
        self.send(path, resolved())
        self.incident_until(lambda i: i["state"] == "closed" and i["times"]["resolved_at"])
        return incident

    def test_azure_monitor_opens_an_incident_of_the_resource_that_it_names(self):
        name, fired = self.stack.prefix + self.container, stamp()
        incident = self.check("/api/v1/ingest/azure-monitor", lambda: azure_monitor(f"a-{fired}", name, "Fired", fired), "TASK_STOPPED",
                              lambda: azure_monitor(f"a-{fired}", name, "Resolved", fired))
        self.assertEqual("api-unavailable", incident["name"])
        self.assertTrue(incident["episodes"][0].startswith("az:"), incident["episodes"])

    def ecs(self, path, wrap):
        name, stopped = self.stack.prefix + self.container, stamp()
        old, new = f"old-{self.started:.0f}", f"new-{self.started:.0f}"
        body = wrap(ecs_task(old, name, "STOPPED", stopped))
        incident = self.check(path, lambda: body, "CONTAINER_CRASH", lambda: wrap(ecs_task(new, name, "RUNNING", stamp())))
        self.assertEqual(("EcsContainerCrash", 137), (incident["name"], incident["exit_code"]))
        self.assertEqual("OutOfMemoryError: container killed", incident["failure_reason"])
        self.assertTrue(incident["episodes"][0].startswith("ecs:"), incident["episodes"])

    def test_eventbridge_opens_an_incident_of_the_container_that_stopped(self):
        self.ecs("/api/v1/ingest/eventbridge", lambda event: event)

    def test_sns_carries_the_same_signed_and_nothing_that_is_not(self):
        forged = self.topic.notification(ecs_task("forged", self.stack.prefix + self.container, "STOPPED", stamp()))
        forged["Message"] = forged["Message"].replace("forged", "other")
        status, answer = self.send("/api/v1/ingest/sns", forged)
        self.assertEqual(400, status, answer)
        self.assertIn("/Signature", answer["error"]["message"])
        self.assertEqual([], self.new_incidents())
        self.ecs("/api/v1/ingest/sns", self.topic.notification)

    def failover(self, status, began):
        """Alertmanager's notification, which this Alertmanager has not sent."""
        labels = {"alertname": "onprem_down", "container": self.stack.prefix + "onprem", "service": "onprem", "severity": "critical"}
        alert = {"status": status, "labels": labels, "annotations": {}, "startsAt": began, "fingerprint": "00c0ffee00c0ffee",
                 "endsAt": stamp() if status == "resolved" else "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph"}
        return {"version": "4", "groupKey": '{}:{container="onprem"}', "truncatedAlerts": 0, "status": status, "receiver": "failover",
                "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://alertmanager:9093", "alerts": [alert]}

    def test_what_the_failover_address_is_told_and_no_alertmanager_holds_moves_nobody(self):
        """Where on-prem really is down it is Alertmanager that sends there: class Failover."""
        self.container = "onprem"
        self.setUp()
        began = stamp()
        status, answer = self.send("/failover", self.failover("firing", began))
        self.assertEqual((202, 1), (status, answer["accepted"]), answer)
        (found,) = self.new_incidents()
        e2e.wait_for("it to be held", lambda: self.stack.incident(found["id"])["state"] == "held", 30)
        incident = self.stack.incident(found["id"])
        self.assertEqual((self.target, "failover", "onprem_down"), (incident["target"], incident["playbook"], incident["name"]))
        self.assertEqual(("alert_absent", None), (incident["reason"], incident["times"]["acted_at"]))
        self.send("/failover", self.failover("resolved", began))
        e2e.wait_for("it to be dropped", lambda: self.stack.incident(found["id"])["state"] == "stale", 30)
        self.assertFalse(self.stack.inspect("cloud")["State"]["Running"])
