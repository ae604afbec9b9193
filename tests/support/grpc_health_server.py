"""A gRPC server with a health service whose answer is told by the service asked for.

Usage: grpc_health_server.py PORT [CERTIFICATE KEY]
"" and "up" are serving, "down" is not, "new" does not know, "lost" is a service unknown, "odd" answers a status that no
one knows; any other name is NOT_FOUND.
"""

import sys
from concurrent import futures

import grpc

STATUS = {b"": b"\x08\x01", b"up": b"\x08\x01", b"down": b"\x08\x02", b"new": b"", b"lost": b"\x08\x03", b"odd": b"\x08\x63"}


def check(request, context):
    # Field 1, a string shorter than 128 bytes.
    service = request[2:] if request else b""
    if service == b"whoami":
        metadata = dict(context.invocation_metadata())
        service = metadata.get("x-service", "").encode()
    if service not in STATUS:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service: ünknown")
    return STATUS[service]


def main():
    handler = grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)})
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((handler,))
    address = f"127.0.0.1:{sys.argv[1]}"
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as certificate, open(sys.argv[3], "rb") as key:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        server.add_secure_port(address, credentials)
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
