"""An S3 server of moto on loopback, in a process of its own.

``python s3_server.py BUCKET...`` prints its port, and ends with its standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECRET = "not-to-be-seen-0123456789"
ODD = (
    ("odd", "a/../x.png"),
    ("odd", "a/b.png"),
    ("slash", "/a.png"),
    ("slash", "folder.png/"),
    ("slash", "b.png"),
)
"""Buckets and keys that obstore cannot write."""


@contextmanager
def s3_server(*buckets: str) -> Iterator[dict[str, str]]:
    """Start a server with empty buckets, and those of ODD; give the environment that leads to it."""
    command = [sys.executable, __file__, *buckets]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            port = int(process.stdout.readline())
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
        finally:
            process.stdin.close()
            process.wait()


def _serve() -> None:
    import logging
    import os

    import boto3
    from moto.server import ThreadedMotoServer

    logging.disable()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ.pop(name, None)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="key",
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    for bucket in dict.fromkeys([*sys.argv[1:], *(bucket for bucket, _ in ODD)]):
        client.create_bucket(Bucket=bucket)
    for bucket, key in ODD:
        client.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"abc")
    print(port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
