"""Serves the repositories below a directory over git's smart HTTP protocol, on a free port of loopback.

With a second argument, a file of key and certificate, it speaks TLS. Prints the port. /away/NAME redirects to another host, /private/NAME asks for a password, /broken/NAME answers nonsense.
"""

import http.server
import os
import ssl
import subprocess
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path.startswith("/away/"):
            port = self.server.server_address[1]
            return self.reply(302, [("Location", f"http://localhost:{port}{self.path.removeprefix('/away')}")])
        if path.startswith("/private/"):
            return self.reply(401, [("WWW-Authenticate", 'Basic realm="x"')])
        if path.startswith("/broken/"):
            return self.reply(200, [("Content-Type", "application/x-git-upload-pack-advertisement")], b"zzzz not a packet line")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": sys.argv[1],
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, text = line.partition(": ")
            if name == "Status":
                status = int(text.split()[0])
            elif name:
                headers.append((name, text))
        self.reply(status, headers, content)

    def reply(self, status, headers, content=b""):
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
