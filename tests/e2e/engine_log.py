"""What the Docker engine does, written down while it does it. The engine itself remembers only its last 256 events, and
each health check is three of them."""

import contextlib
import subprocess
import threading
import time

FORMAT = "{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}"
KEPT = ("start", "die", "restart")


class EngineLog:
    def __init__(self):
        self._lock = threading.Lock()
        self._lines = set()
        self._follower = None
        self._reader = None

    def start(self):
        self._follower = subprocess.Popen(self._command(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stop(self):
        if self._follower is not None:
            self._follower.kill()
            self._follower.wait()
            self._reader.join()
            self._follower.stdout.close()
            self._follower = None

    @staticmethod
    def _command(*more):
        filters = [part for action in KEPT for part in ("--filter", f"event={action}")]
        return ["docker", "events", "--filter", "type=container", *filters, "--format", FORMAT, *more]

    def _read(self):
        with contextlib.suppress(ValueError):  # closed under us
            for line in self._follower.stdout:
                with self._lock:
                    self._lines.add(line.strip())

    def times(self, name, since, action):
        """When `action` (one of KEPT) happened to a container since the Unix time `since`, as the engine has it."""
        assert action in KEPT and self._follower.poll() is None, action
        # What happened this moment may not have been followed yet, and is certainly still remembered.
        last = subprocess.run(self._command("--since", f"{since:.3f}", "--until", f"{time.time():.3f}"), capture_output=True,
                              text=True, check=True, stdin=subprocess.DEVNULL).stdout
        with self._lock:
            lines = self._lines | {line.strip() for line in last.splitlines()}
        found = [line.split(" ") for line in lines]
        return sorted(at for at in (int(nano) / 1e9 for nano, *what in found if what == [action, name]) if at >= since)
