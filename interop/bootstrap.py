"""The parts of a bootstrap that the proxy is run with."""

HOST = "127.0.0.1"

EXTENSIONS = "type.googleapis.com/envoy.extensions"
TLS = f"{EXTENSIONS}.transport_sockets.tls.v3"
LISTENER_FILTERS = f"{EXTENSIONS}.filters.listener"
CODECS = {
    # Go's client sends it as a call that is answered.
    "thrift": {"oneway_methods": ["notify"]},
    # Bodies of the `big` cases are over the default limits of both sides.
    "dubbo": {"max_payload_bytes": 16 << 20},
}
META_PROTOCOL = "type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy"

TLS_INSPECTOR = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": {"@type": f"{LISTENER_FILTERS}.tls_inspector.v3.TlsInspector"},
}
PROXY_PROTOCOL = {
    "name": "envoy.filters.listener.proxy_protocol",
    "typed_config": {"@type": f"{LISTENER_FILTERS}.proxy_protocol.v3.ProxyProtocol"},
}


def bootstrap(port, admin, chains, clusters, listener_filters=()):
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [
                {
                    "name": "interop",
                    "address": address(port),
                    "listener_filters": list(listener_filters),
                    "filter_chains": chains,
                }
            ],
            "clusters": clusters,
        },
    }


def address(port):
    return {"socket_address": {"address": HOST, "port_value": port}}


def filter_chain(protocol, routes, socket=None, match=None, access_log=None, multiplexing=False):
    """A filter chain. Routes are names of clusters by conditions, None for any request.
    Statistics stand where those of `quick` do."""
    proxy = {
        "@type": META_PROTOCOL,
        "stat_prefix": "quick",
        "protocol": {
            "name": protocol,
            "codec": {
                "name": f"aeraki.meta_protocol.codec.{protocol}",
                "config": {
                    "@type": "type.googleapis.com/google.protobuf.Struct",
                    "value": CODECS[protocol],
                },
            },
            "multiplexing": multiplexing,
        },
        "route_config": {
            "name": "all",
            "routes": [
                {
                    "name": cluster,
                    "match": {"metadata": [condition] if condition else []},
                    "route": {"cluster": cluster},
                }
                for condition, cluster in routes
            ],
        },
    }
    if access_log:
        path, format = access_log
        proxy["access_log"] = [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
                    "path": str(path),
                    "log_format": {"text_format_source": {"inline_string": f"{format}\n"}},
                },
            }
        ]
    made = {"filters": [{"name": "aeraki.meta_protocol_proxy", "typed_config": proxy}]}
    if socket:
        made["transport_socket"] = socket
    if match:
        made["filter_chain_match"] = match
    return made


def cluster(name, ports, socket=None):
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    made = {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if socket:
        made["transport_socket"] = socket
    return made


def downstream_tls(folder, mutual=False, sans=(), **common):
    """For a listener; clients show a certificate if it is mutual, with one of the names."""
    trusted = folder if mutual else None
    context = {
        "@type": f"{TLS}.DownstreamTlsContext",
        "common_tls_context": {**common_tls(folder, trusted, sans), **common},
        "require_client_certificate": mutual,
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def upstream_tls(own, trusted, server_name, sans=()):
    """For a cluster; `own` is the folder of what servers are shown, if anything."""
    context = {
        "@type": f"{TLS}.UpstreamTlsContext",
        "common_tls_context": common_tls(own, trusted, sans),
        "sni": server_name,
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def common_tls(own, trusted, sans):
    context = {}
    if own:
        chain, key, _ = own.files
        pair = {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}
        context["tls_certificates"] = [pair]
    if trusted:
        _, _, authority = trusted.files
        context["validation_context"] = {
            "trusted_ca": {"filename": authority},
            "match_typed_subject_alt_names": [
                {"san_type": kind, "matcher": {"exact": name}} for kind, name in sans
            ],
        }
    return context
