#!/usr/bin/env python3
"""Envoy's thrift_proxy, started with the flags of `meta-proxy quick`.

For `run.sh --proxy-cmd ./envoy_thrift.py thrift`; docs/comparison-thrift.md has what comes out.
The program is the one that ENVOY names, or that run.sh installs.

Of the flags, thrift_proxy has no like for --multiplexing (a call always has a connection
to its server to itself), --request-timeout-ms and --codec-config.
"""

import argparse
import http.client
import json
import os
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).parent / ".work/envoy/bin/envoy"
FILTER = "envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy"
ROUTER = "envoy.extensions.filters.network.thrift_proxy.router.v3.Router"
START_SECONDS = 20


def main():
    parser = argparse.ArgumentParser()
    # Before `quick`: how Envoy is set up.
    parser.add_argument(
        "--payload-passthrough", action="store_true", help="read no bodies of framed messages"
    )
    parser.add_argument("command", choices=["quick"])
    parser.add_argument("--protocol", choices=["thrift"], required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--admin", required=True)
    options, ignored = parser.parse_known_args()
    known = {"--multiplexing", "--request-timeout-ms", "--codec-config"}
    flags = {flag for flag in ignored if flag.startswith("--")}
    if flags - known:
        parser.error(f"unknown: {' '.join(flags - known)}")

    announce_when_ready(options)
    program = os.environ.get("ENVOY") or str(PROGRAM)
    config = json.dumps(bootstrap(options))
    flags = ["--config-yaml", config, "--disable-hot-restart", "--log-level", "error"]
    os.execvp(program, [program, *flags])


def announce_when_ready(options):
    """A child prints the line that is waited for, so that this process can be Envoy
    itself, and what ends it ends Envoy."""
    parent = os.getpid()
    if os.fork():
        return
    deadline = time.monotonic() + START_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        if is_ready(options.admin):
            print(f"listening on {options.listen}", flush=True)
            break
        time.sleep(0.02)
    os._exit(0)


def is_ready(admin):
    connection = http.client.HTTPConnection(admin, timeout=1)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def bootstrap(options):
    thrift = {
        "@type": f"type.googleapis.com/{FILTER}",
        "stat_prefix": "quick",
        # Both are told from the bytes, and upstream they are those of the client.
        "transport": "AUTO_TRANSPORT",
        "protocol": "AUTO_PROTOCOL",
        "payload_passthrough": options.payload_passthrough,
        "header_keys_preserve_case": True,
        "thrift_filters": [
            {
                "name": "envoy.filters.thrift.router",
                "typed_config": {
                    "@type": f"type.googleapis.com/{ROUTER}",
                    # Else a client whose server is gone gets no error, but is cut off.
                    "close_downstream_on_upstream_error": False,
                },
            }
        ],
        "route_config": {
            "name": "all",
            "routes": [{"match": {"method_name": ""}, "route": {"cluster": "quick"}}],
        },
    }
    listener = {
        "name": "quick",
        "address": address(options.listen),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.thrift_proxy", "typed_config": thrift}]}
        ],
    }
    endpoints = [
        {"endpoint": {"address": address(upstream)}} for upstream in options.upstream.split(",")
    ]
    many = 1_000_000
    cluster = {
        "name": "quick",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": many, "max_pending_requests": many, "max_requests": many}
            ]
        },
        "load_assignment": {
            "cluster_name": "quick",
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    }
    return {
        "admin": {"address": address(options.admin)},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }


def address(text):
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


if __name__ == "__main__":
    sys.exit(main())
