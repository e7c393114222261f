"""The health check of a container: ``python -IS probe.py PORT PATH``; 0 for an answer of 200. Starts fast."""

import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=3) as connection:
    connection.settimeout(3)
    request = f"GET {sys.argv[2]} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    connection.sendall(request.encode())
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
head, _, body = answer.partition(b"\r\n\r\n")
print(body.decode(errors="replace")[:300])
sys.exit(0 if head.split(b" ", 2)[1:2] == [b"200"] else 1)
