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
    listeners = [listener("interop", port, chains, listener_filters)]
    return bootstrap_of(listeners, admin, clusters)


def bootstrap_of(listeners, admin, clusters):
    return {
        "node": {"id": "interop", "cluster": "interop"},
        "admin": {"address": address(admin)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def listener(name, port, chains, listener_filters=()):
    return {
        "name": name,
        "address": address(port),
        "listener_filters": list(listener_filters),
        "filter_chains": chains,
    }


def address(place):
    """A port, or the path of a unix socket."""
    if isinstance(place, int):
        return {"socket_address": {"address": HOST, "port_value": place}}
    return {"pipe": {"path": str(place)}}


def filter_chain(
    protocol,
    routes,
    socket=None,
    match=None,
    access_log=None,
    multiplexing=False,
    stat_prefix="quick",
):
    """A filter chain. Routes are names of clusters by conditions, None for any request, or
    tell where they come from (`rds`). Statistics stand where those of `quick` do."""
    proxy = {
        "@type": META_PROTOCOL,
        "stat_prefix": stat_prefix,
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
    }
    if isinstance(routes, dict):
        proxy["rds"] = routes
    else:
        proxy["route_config"] = {
            "name": "all",
            "routes": [
                {
                    "name": cluster,
                    "match": {"metadata": [condition] if condition else []},
                    "route": {"cluster": cluster},
                }
                for condition, cluster in routes
            ],
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


def cluster(name, places, socket=None):
    endpoints = [{"endpoint": {"address": address(place)}} for place in places]
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
