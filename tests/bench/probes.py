#!/usr/bin/env python3
"""heal-exporter beside Debian's blackbox_exporter, on this machine, in one run; prints tables.

    tests/bench/probes.py                   all parts, some minutes
    tests/bench/probes.py --part rate       probes per second, CPU and latency: http, https, tcp, icmp, dns by 1, 16, 128
    tests/bench/probes.py --part held       probes that are in flight at once, of a target that answers after 2 s
    tests/bench/probes.py --part schedule   5,000 scheduled targets, each once a second, on one core; of ours alone
    --seconds N (a cell, 2; of schedule five times that) --rounds N (2) --only REGEX (kinds of probes) --held N[,N…] (2000,10000)

Needs nginx and wrk (section [bench] of tests/packages.txt), openssl, and the target heal-exporter; HEAL_BIN_DIR is its
folder. The rounds of both exporters take turns; figures are medians. What it leaves: nothing.
"""

import argparse
import asyncio
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import peers
from bench import BIN, ROOT, percentile, table

CROWDS = (1, 16, 128)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
KINDS = ("http", "https", "https, system's bundle", "tcp", "icmp", "dns")
DESCRIPTORS = 65536
SCHEDULED = 5000
# A port of ours is free again a second after its connection: one address of a target is not enough for 14,000 a second.
ADDRESSES = 8

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_timeout 0;
  server {{ {listen} location / {{ return 200 "ok\\n"; }} }}
  server {{ listen 127.0.0.1:{https} ssl backlog=4096; ssl_certificate {folder}/server.pem;
           ssl_certificate_key {folder}/server.key; ssl_session_tickets off;
           location / {{ return 200 "ok\\n"; }} }}
  server {{ listen {many} backlog=4096; allow 127.0.0.0/8; deny all; location / {{ return 200 "ok\\n"; }} }}
}}
"""

MODULES = """modules:
  http: {{prober: http, timeout: 30s, http: {{preferred_ip_protocol: ip4}}}}
  https: {{prober: http, timeout: 30s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {folder}/ca.pem}}}}}}
  bundle: {{prober: http, timeout: 30s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {folder}/bundle.pem}}}}}}
  tcp: {{prober: tcp, timeout: 30s, tcp: {{preferred_ip_protocol: ip4}}}}
  icmp: {{prober: icmp, timeout: 30s, icmp: {{preferred_ip_protocol: ip4}}}}
  dns: {{prober: dns, timeout: 30s, dns: {{preferred_ip_protocol: ip4, query_name: bench.test, query_type: A}}}}
"""

# Answers every query with one record, and every HTTP request after two seconds.
NAME_SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    query, client = server.recvfrom(512)
    server.sendto(query[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:] +
                  b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\1\\x2c\\0\\4\\x7f\\0\\0\\1", client)
"""
SLOW_SERVER = """
import asyncio, sys
class Slow(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        asyncio.get_running_loop().call_later(2, self.answer)
    def answer(self):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\nok\\n")
        self.transport.close()
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Slow, "127.0.0.1", int(sys.argv[1]), backlog=16384)
    await server.serve_forever()
asyncio.run(main())
"""


class Exporter(peers.Server):
    def __init__(self, folder, config):
        super().__init__(folder, None)
        self.config = config

    def ticks(self):
        """CPU seconds of the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def arguments(self):
        return [f"--config.file={self.config}", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"]

    def probe(self):
        return f"http://127.0.0.1:{self.port}/-/healthy"


class HealExporter(Exporter):
    name = "heal-exporter"

    def command(self):
        return [BIN / "heal-exporter", *self.arguments()]


class BlackboxExporter(Exporter):
    name = "blackbox_exporter"

    def command(self):
        return ["prometheus-blackbox-exporter", *self.arguments()]


def certificates(folder):
    """An authority, a server's certificate by it, and the system's bundle with it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3",
            "-subj", "/CN=bench authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")
    (folder / "bundle.pem").write_text(pathlib.Path(BUNDLE).read_text() + (folder / "ca.pem").read_text())


class Targets:
    """What is probed: nginx, a name server, and a server that takes two seconds."""

    def __init__(self, folder):
        self.ports = {name: peers.free_port() for name in ("http", "https", "many", "dns", "slow")}
        certificates(folder)
        listen = " ".join(f"listen 127.0.0.{n + 1}:{self.ports['http']} backlog=4096;" for n in range(ADDRESSES))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, listen=listen, **self.ports))
        self.processes = []
        self.begin(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)])
        self.begin([sys.executable, "-c", NAME_SERVER, str(self.ports["dns"])])
        self.begin([sys.executable, "-c", SLOW_SERVER, str(self.ports["slow"])])
        for name in ("http", "https", "slow"):
            self.await_port(self.ports[name])

    def begin(self, command):
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL))

    @staticmethod
    def await_port(port):
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"nobody listens on {port}")

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()

    def path(self, kind):
        """The request for one probe of that kind; probes.lua puts the addresses in turn for `*`."""
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        module, target = {"http": ("http", f"http://127.0.0.*:{self.ports['http']}/"), "https": ("https", f"https://{at['https']}/"),
                          "https, system's bundle": ("bundle", f"https://{at['https']}/"), "tcp": ("tcp", f"127.0.0.*:{self.ports['http']}"),
                          "icmp": ("icmp", "127.0.0.1"), "dns": ("dns", at["dns"]),
                          "slow": ("http", f"http://{at['slow']}/")}[kind]
        return f"/probe?module={module}&target={target}"


def load(exporter, path, crowd, seconds):
    """(probes/s, CPU seconds per 1,000, p50 ms, p99 ms, probes that failed)"""
    before = exporter.ticks()
    done = subprocess.run(["wrk", "-t1", f"-c{crowd}", f"-d{seconds}s", "--timeout", "30s", "-s",
                           str(ROOT / "tests/bench/probes.lua"), f"http://127.0.0.1:{exporter.port}{path}"],
                          capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    requests, duration, refused, broken, p50, p99 = map(
        float, re.search(r"^RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$", done.stdout, re.M).groups())
    cpu = exporter.ticks() - before
    return requests / (duration / 1e6), 1000 * cpu / max(requests, 1), p50 / 1e3, p99 / 1e3, refused + broken


def rate(options, exporters, targets):
    rows = []
    for kind in KINDS:
        if not re.search(options.only, kind):
            continue
        for crowd in CROWDS:
            found = {exporter.name: [] for exporter in exporters}
            peaks = {}
            for exporter in exporters:
                exporter.forget_peak()
            for turn in range(options.rounds):
                for exporter in exporters if turn % 2 == 0 else exporters[::-1]:
                    found[exporter.name].append(load(exporter, targets.path(kind), crowd, options.seconds))
                    peaks[exporter.name] = exporter.memory("VmHWM")
            medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in found.items()}
            theirs = medians[exporters[-1].name]
            for exporter in exporters:
                speed, cpu, p50, p99, _ = medians[exporter.name]
                rows.append([kind, crowd, exporter.name, f"{speed:,.0f}", f"{cpu:.3f}", f"{p50:.2f}", f"{p99:.2f}",
                             f"{peaks[exporter.name]:.0f}", int(sum(value[4] for value in found[exporter.name])),
                             f"{speed / theirs[0]:.2f}", f"{cpu / max(theirs[1], 1e-9):.2f}", f"{p99 / theirs[3]:.2f}"])
    table(["probe", "at once", "exporter", "probes/s", "CPU s/1000", "p50 ms", "p99 ms", "peak MiB", "failed", "x rate",
           "x CPU", "x p99"], rows)


class Asking(asyncio.Protocol):
    """One scrape; its future gets whether the probe succeeded."""

    def __init__(self, request, ended):
        self.request = request
        self.ended = ended
        self.answer = b""

    def connection_made(self, transport):
        transport.write(self.request)

    def data_received(self, data):
        self.answer += data

    def connection_lost(self, _):
        if not self.ended.done():
            self.ended.set_result(b"\nprobe_success 1\n" in self.answer)


async def ask_all(port, path, count):
    """(seconds of all, of each, how many succeeded)"""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    took = []

    async def one():
        begun = time.monotonic()
        ended = loop.create_future()
        try:
            await loop.create_connection(lambda: Asking(request, ended), "127.0.0.1", port)
            good = await asyncio.wait_for(ended, 60)
        except (OSError, asyncio.TimeoutError):
            good = False
        took.append(time.monotonic() - begun)
        return good

    begun = time.monotonic()
    results = await asyncio.gather(*(one() for _ in range(count)))
    return time.monotonic() - begun, took, sum(results)


def held(options, folder, targets):
    rows = []
    for count in options.held:
        for make in (HealExporter, BlackboxExporter):
            exporter = make(folder / f"held-{make.name}-{count}", folder / "blackbox.yml")
            exporter.start()
            try:
                idle, before = exporter.memory(), exporter.ticks()
                seconds, took, good = asyncio.run(ask_all(exporter.port, targets.path("slow"), count))
                rows.append([count, exporter.name, count - good, f"{seconds:.1f}", f"{statistics.median(took):.2f}",
                             f"{percentile(took, 0.99):.2f}", f"{exporter.ticks() - before:.2f}", f"{idle:.1f}",
                             f"{exporter.memory('VmHWM'):.0f}", f"{exporter.memory():.0f}"])
            finally:
                exporter.stop()
    table(["held at once", "exporter", "failed", "s in all", "p50 s", "p99 s", "CPU s", "idle MiB", "peak MiB",
           "afterwards MiB"], rows)


class Scheduler(HealExporter):
    """With one core, and thousands of targets of its own: as many addresses of loopback."""

    def __init__(self, folder, port):
        config = folder / "schedule.yml"
        targets = ", ".join(f"'127.0.{n // 250}.{n % 250 + 1}:{port}'" for n in range(SCHEDULED))
        config.write_text("modules: {tcp: {prober: tcp, timeout: 5s}}\n"
                          f"probes: [{{name: many, module: tcp, interval: 1s, targets: [{targets}]}}]\n")
        super().__init__(folder / "schedule", config)

    def command(self):
        return ["taskset", "-c", "0", *super().command()]

    def metrics(self, patterns):
        """By key: the sum of the samples whose name and labels match its pattern; of one scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {name: sum(float(value) for value in re.findall(rf"^(?:{pattern}) (\S+)$", text, re.M))
                for name, pattern in patterns.items()}


def schedule(options, folder, targets):
    exporter = Scheduler(folder, targets.ports["many"])
    lateness = "heal_exporter_schedule_lateness_seconds"
    names = {"runs": f"{lateness}_count", "sum": f"{lateness}_sum", "skipped": r"heal_exporter_runs_skipped_total\{.*\}",
             **{bound: rf'{lateness}_bucket\{{le="{bound}"\}}' for bound in ("0.001", "0.01")}}
    exporter.start()
    try:
        time.sleep(5)
        before = exporter.metrics(names)
        begun, cpu = time.monotonic(), exporter.ticks()
        time.sleep(5 * options.seconds)
        now = {name: value - before[name] for name, value in exporter.metrics(names).items()}
        took, cpu = time.monotonic() - begun, exporter.ticks() - cpu
        good = exporter.metrics({"good": r"heal_probe_success\{.*\}"})["good"]
        table(["targets at 1 s", "well", "probes/s", "skipped", "late, mean ms", "within 1 ms", "within 10 ms", "cores", "RSS MiB"],
              [[SCHEDULED, int(good), f"{now['runs'] / took:,.0f}", int(now["skipped"]), f"{1000 * now['sum'] / now['runs']:.2f}",
                f"{now['0.001'] / now['runs']:.2%}", f"{now['0.01'] / now['runs']:.2%}", f"{cpu / took:.2f}",
                f"{exporter.memory():.0f}"]])
    finally:
        exporter.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=["rate", "held", "schedule"])
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--held", default=[2000, 10000], type=lambda text: [int(word) for word in text.split(",")])
    options = parser.parse_args()
    parts = options.part or ["rate", "held", "schedule"]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    except (ValueError, PermissionError):
        # Each probe takes two of an exporter: that it fails for lack of them would be no news.
        most = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 700) // 2
        options.held = sorted({min(count, most) for count in options.held})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="heal-bench-"))
    folder.chmod(0o755)
    targets = Targets(folder)
    (folder / "blackbox.yml").write_text(MODULES.format(folder=folder))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    exporters = []
    try:
        if "rate" in parts:
            exporters = [make(folder / make.name, folder / "blackbox.yml") for make in (HealExporter, BlackboxExporter)]
            for exporter in exporters:
                exporter.start()
            rate(options, exporters, targets)
        if "held" in parts:
            held(options, folder, targets)
        if "schedule" in parts:
            schedule(options, folder, targets)
    finally:
        for exporter in exporters:
            exporter.stop()
        targets.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
