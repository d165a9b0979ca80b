"""How a proxy reaches its control plane."""

from typing import NamedTuple

from bootstrap import HOST, cluster, upstream_tls
from tls import SERVER_NAME, SERVER_SAN

CONTROL = "control"
API_TYPES = {"sotw": "GRPC", "delta": "DELTA_GRPC"}


class Way(NamedTuple):
    """State of the world or delta, by which of Envoy's clients, over what."""

    mode: str
    client: str = "envoy_grpc"
    socket: str = "tcp"
    # None, `tls` or `mutual`.
    tls: str | None = None

    def __str__(self):
        parts = (self.mode, self.client, self.socket, self.tls)
        return " ".join(part for part in parts if part)

    @property
    def is_delta(self):
        return self.mode == "delta"

    def service(self, place, parties):
        """What a source is told of the control plane there."""
        if self.client == "envoy_grpc":
            return {"envoy_grpc": {"cluster_name": CONTROL}}
        target = f"{HOST}:{place}" if isinstance(place, int) else f"unix:{place}"
        google = {"target_uri": target, "stat_prefix": CONTROL}
        if self.tls:
            chain, key, authority = parties.proxy.files
            credentials = {"root_certs": {"filename": authority}}
            if self.tls == "mutual":
                credentials["cert_chain"] = {"filename": chain}
                credentials["private_key"] = {"filename": key}
            google["channel_credentials"] = {"ssl_credentials": credentials}
        return {"google_grpc": google}

    def clusters(self, place, parties):
        """What else it needs."""
        if self.client != "envoy_grpc":
            return []
        own = parties.proxy if self.tls == "mutual" else None
        socket = upstream_tls(own, parties.proxy, SERVER_NAME, [SERVER_SAN]) if self.tls else None
        return [{**cluster(CONTROL, [place], socket), "http2_protocol_options": {}}]

    def source(self, place, parties, fetch_timeout):
        return {
            "resource_api_version": "V3",
            "initial_fetch_timeout": f"{fetch_timeout}s",
            "api_config_source": {
                "api_type": API_TYPES[self.mode],
                "transport_api_version": "V3",
                "grpc_services": [self.service(place, parties)],
            },
        }


CLIENTS = ("envoy_grpc", "google_grpc")
# There is no control plane.
FILES = [Way("files", "", "")]
PLAIN = [Way(mode) for mode in API_TYPES]
UNIX = [Way(mode, "envoy_grpc", "unix") for mode in API_TYPES]
ALL = [
    Way(mode, client, *over)
    for mode in API_TYPES
    for client in CLIENTS
    for over in (("tcp",), ("unix",), ("tcp", "tls"), ("tcp", "mutual"))
]
