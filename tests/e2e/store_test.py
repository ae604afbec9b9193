#!/usr/bin/env python3
"""What becomes of a running heal-webhook whose disk is full, whose database somebody else locks, or whose files go away.

Each time: 503 with Retry-After and a ready check that says no, nothing lost of what was acknowledged, and all well again
by itself once the trouble is over. No Docker engine is needed; mounting needs root.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HEAL_BIN_DIR", ROOT / "build/dev/bin")).resolve()


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Service:
    """heal-webhook with a store in a folder, or on a file system of its own of `disk` bytes."""

    def __init__(self, disk=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heal-store-"))
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        (self.folder / "playbooks").mkdir()
        (self.folder / "heal.yml").write_text("version: 1\nroutes: []\n")
        self.port = free_port()
        self.count = 0
        self.accepted = 0
        command = [str(BIN / "heal-webhook"), "--config.file=heal.yml", "--storage.path=data",
                   f"--web.listen-address=127.0.0.1:{self.port}"]
        if disk:
            script = 'mount --make-rprivate / && mount -t tmpfs -o size="$0" tmpfs data && shift 0 && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", script, str(disk), *command]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_for("the service to be ready", lambda: self.get("/-/ready")[0] == 200)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0]:
            print((self.folder / "log").read_text()[-3000:], file=sys.stderr)
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert failure[0] or code == 0, f"the service ended with {code}"

    def ask(self, request):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()
        except OSError as error:
            return 0, {}, str(error).encode()

    def get(self, path):
        return self.ask(f"http://127.0.0.1:{self.port}{path}")

    def post(self, size=100):
        """A new alert with a text of `size` bytes; the status."""
        self.count += 1
        alert = {"status": "firing", "labels": {"alertname": "Down", "n": str(self.count)},
                 "annotations": {"text": "x" * size}, "startsAt": "2026-01-02T03:04:05Z", "fingerprint": f"{self.count:016x}"}
        body = json.dumps({"version": "4", "receiver": "heal", "alerts": [alert]}).encode()
        status, headers, text = self.ask(urllib.request.Request(f"http://127.0.0.1:{self.port}/webhook", body))
        assert status in (202, 503), (status, text)
        assert status == 202 or "Retry-After" in headers, headers
        self.accepted += status == 202
        return status

    def wait_for(self, what, done, seconds=30):
        end = time.monotonic() + seconds
        while not done():
            assert self.process.poll() is None, f"the service ended: {(self.folder / 'log').read_text()[-2000:]}"
            assert time.monotonic() < end, f"gave up waiting for {what}"
            time.sleep(0.05)

    def is_well(self):
        """Everything that was acknowledged is there, once, and the journal is whole."""
        self.wait_for("the service to be ready again", lambda: self.get("/-/ready")[0] == 200)
        assert self.post() == 202
        known = 0
        cursor = ""
        while True:
            page = json.loads(self.get(f"/api/v1/incidents?limit=1000&cursor={cursor}")[2])
            known += len(page["incidents"])
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert known == self.accepted, (known, self.accepted)
        assert json.loads(self.get("/api/v1/journal")[2])["intact"] is True

    def inside(self, *command):
        """Runs a command where the service sees its own file system."""
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-m", *command], check=False, cwd="/",
                              capture_output=True, stdin=subprocess.DEVNULL)


def test_full_disk():
    with Service(disk="6m") as service:
        assert service.post() == 202
        filler = service.data / "filler"
        service.inside("dd", "if=/dev/zero", f"of={filler}", "bs=64k")
        refused = 0
        for _ in range(400):
            refused += service.post(20_000) == 503
            if refused > 20:
                break
        assert refused > 20, "a full disk refused nothing"
        assert service.get("/-/ready")[0] == 503
        assert b"disk is full" in service.get("/-/ready")[2], service.get("/-/ready")
        service.inside("rm", str(filler))
        service.is_well()
        assert service.inside("test", "-s", str(service.data / "reserve")).returncode == 0


def test_filled_by_ourselves():
    with Service(disk="6m") as service:
        while service.post(20_000) == 202:
            pass
        for _ in range(10):
            assert service.post(20_000) == 503
        service.inside("mount", "-o", "remount,size=32m", str(service.data))
        service.is_well()


def test_locked_by_another_process():
    with Service() as service:
        assert service.post() == 202
        other = sqlite3.connect(service.data / "heal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert service.post() == 503
        assert service.get("/-/ready")[0] == 503
        other.execute("ROLLBACK")
        other.close()
        service.is_well()


def test_files_gone():
    for name in ("heal.db", "lock"):
        with Service() as service:
            assert service.post() == 202
            (service.data / name).rename(service.folder / "away")
            assert service.post() == 503
            assert service.get("/-/ready")[0] == 503
            (service.folder / "away").rename(service.data / name)
            service.is_well()


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            begun = time.monotonic()
            test()
            print(f"ok {name} {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
