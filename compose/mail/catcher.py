"""Catches mail for demonstrations and tests: takes everything by SMTP on :1025, shows it on :8025, sends nothing on.

GET / is a page for people, GET /messages the same as JSON, oldest first; DELETE /messages forgets all. Holds the last 2,000.
"""

import collections
import email
import email.policy
import html
import http.server
import json
import threading
import time

from aiosmtpd.controller import Controller

MOST = 2000


class Box:
    """What was caught. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.mails = collections.deque(maxlen=MOST)

    def put(self, sender, recipients, content):
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        body = parsed.get_body(("plain",))
        mail = {"at": time.time(), "from": sender, "to": recipients, "subject": str(parsed["subject"] or ""),
                "message_id": str(parsed["message-id"] or ""), "body": body.get_content() if body else ""}
        with self.lock:
            self.mails.append(mail)

    def all(self):
        with self.lock:
            return list(self.mails)

    def clear(self):
        with self.lock:
            self.mails.clear()


class Smtp:
    def __init__(self, box):
        self.box = box

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.box.put(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        return "250 caught"


def page(mails):
    rows = "".join(f"<h2>{html.escape(m['subject'])}</h2><p>{time.strftime('%H:%M:%S', time.gmtime(m['at']))} UTC, to "
                   f"{html.escape(', '.join(m['to']))}</p><pre>{html.escape(m['body'])}</pre>" for m in reversed(mails))
    return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Mail</title></head><body>{rows or "No mail yet."}</body></html>'


def handler_of(box):
    class Web(http.server.BaseHTTPRequestHandler):
        def answer(self, status, kind, text):
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):  # noqa: N802 - http.server's name
            if self.path == "/messages":
                self.answer(200, "application/json", json.dumps(box.all()))
            elif self.path == "/":
                self.answer(200, "text/html", page(box.all()))
            else:
                self.answer(404, "text/plain", "not found\n")

        def do_DELETE(self):  # noqa: N802 - http.server's name
            if self.path != "/messages":
                return self.answer(404, "text/plain", "not found\n")
            box.clear()
            return self.answer(200, "application/json", "[]")

        def log_message(self, *args):
            pass

    return Web


def main():
    box = Box()
    smtp = Controller(Smtp(box), hostname="0.0.0.0", port=1025)
    smtp.start()
    http.server.ThreadingHTTPServer(("", 8025), handler_of(box)).serve_forever()


if __name__ == "__main__":
    main()
