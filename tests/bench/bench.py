#!/usr/bin/env python3
"""heal-webhook beside its peers, on this machine, in one run; prints tables.

    tests/bench/bench.py                    all parts, a few minutes
    tests/bench/bench.py --part intake      alerts accepted per second, by clients and alerts a message
    tests/bench/bench.py --part action      from the POST to the started program
    tests/bench/bench.py --part memory      RSS and time to start: idle, with open episodes, with past ones
    --seconds N (a cell of intake, 3) --rounds N (actions, 100) --open N (100000) --past N (1000000) --only REGEX

Needs the packages of section [bench] in tests/packages.txt and the targets heal-webhook and bench_stamp; HEAL_BIN_DIR
is the folder of both. Compare figures of one run only. What it leaves: nothing.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HEAL_BIN_DIR", ROOT / "build/release/bin")).resolve()
CLIENTS = (1, 16, 128)
SIZES = (1, 10, 100)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(flush=True)


def load(server, clients, alerts, seconds, name="BenchAlert"):
    """(messages per second, p50 ms, p99 ms, failures) of so many clients that each wait for the answer."""
    environment = dict(os.environ, ALERTS=str(alerts), NAME=name, SALT=secrets.token_hex(4))
    done = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s",
                           str(ROOT / "tests/bench/alerts.lua"), server.url()],
                          capture_output=True, text=True, env=environment, check=True, stdin=subprocess.DEVNULL)
    found = re.search(r"^RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$", done.stdout, re.M)
    requests, duration, refused, broken, p50, p99 = map(float, found.groups())
    return (requests - refused) / (duration / 1e6), p50, p99, int(refused + broken)


def intake(options, servers):
    """Every cell on a fresh server; heal-webhook first, so that the others are told as shares of it."""
    ours = {}
    rows = []
    for make in servers:
        for alerts in SIZES:
            for clients in CLIENTS:
                with running(make, options) as server:
                    rate, p50, p99, failures = load(server, clients, alerts, options.seconds)
                    peak = server.memory("VmHWM")
                mine = ours.setdefault((clients, alerts), rate)
                rows.append([server.name, server.durable, clients, alerts, f"{rate:,.0f}", f"{rate * alerts:,.0f}",
                             f"{p50:.2f}", f"{p99:.2f}", failures, f"{peak:.0f}", f"{rate / mine:.2f}"])
    table(["server", "durable", "clients", "alerts", "messages/s", "alerts/s", "p50 ms", "p99 ms", "failed", "peak MiB",
           "x ours"], rows)


class running:
    """A server in a folder that goes away with it."""

    def __init__(self, make, options):
        self.folder = tempfile.mkdtemp(prefix="heal-bench-", dir=options.folder)
        self.server = make(self.folder)

    def __enter__(self):
        self.server.start_seconds = self.server.start()
        return self.server

    def __exit__(self, *_):
        self.server.stop()
        shutil.rmtree(self.folder)


def notification(name, fingerprints, target="0", status="firing"):
    ends = "0001-01-01T00:00:00Z" if status == "firing" else "2026-01-02T04:04:05Z"
    alerts = [{"status": status, "labels": {"alertname": name, "instance": f"host-{print_}.example:9100", "job": "node",
                                            "severity": "critical", "cluster": "west-2", "team": "platform",
                                            "service": "web", "target": target},
               "annotations": {"summary": "the service does not answer", "description": "look at its log " * 8},
               "startsAt": "2026-01-02T03:04:05.678Z", "endsAt": ends,
               "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up", "fingerprint": print_}
              for print_ in fingerprints]
    return json.dumps({"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status,
                       "receiver": "heal-webhook", "groupLabels": {"alertname": name},
                       "commonLabels": {"alertname": name}, "commonAnnotations": {},
                       "externalURL": "http://alertmanager.example:9093", "alerts": alerts}).encode()


def post(server, body):
    request = urllib.request.Request(server.url(), body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


class KeptConnection:
    """Posts as Alertmanager does: on a connection that is open already."""

    def __init__(self, server):
        self.path = server.path
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, body):
        """Posts, reads the whole answer; when it began to send, in nanoseconds of the monotonic clock."""
        request = (f"POST {self.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        begun = time.monotonic_ns()
        self.socket.sendall(request)
        answer = http.client.HTTPResponse(self.socket, method="POST")
        answer.begin()
        answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{self.path}: {answer.status}")
        return begun


def sync_times(folder, rounds):
    """What the disk takes for one of our commits: some 120 KiB appended and fdatasync, in milliseconds."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(rounds):
            begun = time.monotonic_ns()
            file.write(bytes(120 << 10))
            os.fdatasync(file.fileno())
            took.append((time.monotonic_ns() - begun) / 1e6)
            time.sleep(0.02)
    return took


def action(options, servers):
    syncs = sync_times(options.folder, options.rounds)
    rows = [["the disk: 120 KiB and fdatasync, of which ours waits for two", "", options.rounds,
             f"{percentile(syncs, 0.5):.2f}", f"{percentile(syncs, 0.99):.2f}", f"{max(syncs):.2f}"]]
    for make in servers:
        with running(make, options) as server:
            if not isinstance(server, (peers.HealWebhook, peers.AdnanhWebhook)):
                continue
            stamps = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            stamps.bind(str(server.socket))
            stamps.settimeout(20)
            connection = KeptConnection(server)
            took = []
            for n in range(options.rounds):
                begun = connection.post(notification("BenchHeal", [f"{n:016x}"], target=str(n)))
                started = struct.unpack("q", stamps.recv(8))[0]
                took.append((started - begun) / 1e6)
                time.sleep(0.02)
            stamps.close()
            rows.append([server.name, server.durable, options.rounds, f"{percentile(took, 0.5):.2f}",
                         f"{percentile(took, 0.99):.2f}", f"{max(took):.2f}"])
    table(["POST -> action started", "durable", "n", "p50 ms", "p99 ms", "max ms"], rows)


def fill(server, count, statuses, offset):
    """`count` alerts in messages of 100, each sent once per status."""
    for begin in range(offset, offset + count, 100):
        prints = [f"{n:016x}" for n in range(begin, min(begin + 100, offset + count))]
        for status in statuses:
            post(server, notification("BenchAlert", prints, status=status))


def memory(options, make):
    rows = []
    with running(make, options) as server:
        def again(what):
            loaded = server.memory()
            server.stop()
            seconds = server.start()
            time.sleep(0.5)
            size = sum(file.stat().st_size for file in (pathlib.Path(server.folder) / "data").glob("heal.db*")) / 2**20
            rows.append([what, f"{loaded:.1f}", f"{server.memory():.1f}", f"{seconds:.3f}", f"{size:,.0f}"])

        again("nothing")
        fill(server, options.past, ["firing", "resolved"], 1 << 32)
        again(f"{options.past:,} past episodes")
        fill(server, options.open, ["firing"], 1 << 40)
        again(f"and {options.open:,} open ones")
    table(["heal-webhook holds", "RSS MiB", "RSS MiB after a start", "start s", "store MiB"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=["intake", "action", "memory"])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--past", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="servers whose name matches; heal-webhook is always there")
    parser.add_argument("--folder", default="/var/tmp", help="where the stores lie: the disk that is measured")
    options = parser.parse_args()
    parts = options.part or ["intake", "action", "memory"]
    stamp = BIN / "bench_stamp"

    def ours(folder):
        return peers.HealWebhook(folder, stamp, BIN / "heal-webhook")

    others = [peers.AdnanhWebhook, peers.FlaskDevelopment, peers.Gunicorn, peers.GunicornSqlite]
    servers = [ours] + [lambda folder, kind=kind: kind(folder, stamp) for kind in others if re.search(options.only, kind.name)]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, store on {options.folder}\n")
    if "intake" in parts:
        intake(options, servers)
    if "action" in parts:
        action(options, servers)
    if "memory" in parts:
        memory(options, ours)


if __name__ == "__main__":
    main()
