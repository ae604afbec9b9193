"""A mail server for a test: takes mail on 127.0.0.1 and writes each to a file.

Usage: smtp_sink.py PORT FOLDER [--login USER:PASSWORD] [--tls CERTIFICATE KEY]
Refuses recipients that begin with "nobody@". With --tls mail is taken after STARTTLS only.
"""

import argparse
import json
import pathlib
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Sink:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": envelope.content.decode("latin-1")}
        part = self.folder / f"{self.count}.part"
        part.write_text(json.dumps(mail))
        part.rename(self.folder / f"{self.count}.json")
        return "250 taken"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--login")
    parser.add_argument("--tls", nargs=2)
    options = parser.parse_args()
    settings = {}
    if options.login:
        wanted = LoginPassword(*(part.encode() for part in options.login.split(":")))

        def check(server, session, envelope, mechanism, data):
            return AuthResult(success=data == wanted, handled=False)

        settings.update(authenticator=check, auth_required=True, auth_require_tls=bool(options.tls))
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        settings.update(tls_context=context, require_starttls=True)
    Controller(Sink(options.folder), hostname="127.0.0.1", port=options.port, **settings).start()
    (options.folder / "ready").touch()
    threading.Event().wait()


main()
