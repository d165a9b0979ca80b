"""Who is refused, by the control plane or by the proxy, and how that is mended."""

from harness import wait_until
from routes.control_plane import table, to
from routes.stage import expect_connections
from routes.starts import expect_closed
from routes.ways import CLIENTS, Way

WAYS = [
    *(Way("sotw", client, "tcp", "mutual") for client in CLIENTS),
    Way("delta", "envoy_grpc", "tcp", "mutual"),
]


def certificate_replaced(stage):
    """The control plane refuses the proxy's certificate, until its files are replaced by
    good ones; later it trusts another authority."""
    parties = stage.parties
    folder = parties.proxy
    folder.show(parties.client_identity(parties.other_authority))
    control = serving(stage)
    proxy = stage.proxy(live=False)
    wait_for_failures(proxy)
    expect_closed(proxy)
    control.expect_count("open", 0)
    folder.show(parties.client_identity(parties.authority))
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        # All move to another authority while it runs.
        control.kill()
        other = parties.other_authority
        moved = parties.party("moved", parties.server_identity(other), trusted=other)
        control = serving(stage, "v2", folder=moved)
        before = wait_for_failures(proxy)
        folder.trust(other)
        folder.show(parties.client_identity(other))
        traffic.moves_to("v2")
        assert proxy.counted("shop", "shop")["update_failure"] >= before
        expect_connections(proxy)
    proxy.wait_connected()


def other_server(stage):
    """The proxy takes no routes from whoever is not the control plane."""
    parties = stage.parties
    # By the name where it is told one, else by the address.
    stranger = parties.authority.issue("stranger.test", addresses=["127.0.0.9"])
    control = serving(stage, "v2", folder=parties.party("stranger", stranger))
    proxy = stage.proxy(live=False)
    wait_for_failures(proxy)
    expect_closed(proxy)
    control.expect_count("open", 0)
    control.kill()
    serving(stage)
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")


def serving(stage, cluster="v1", folder=None):
    control = stage.control_plane(folder)
    control.serve("1", table("shop", to(cluster)))
    return control


def wait_for_failures(proxy, count=2):
    """So many more attempts fail."""
    name = "update_failure"
    before = proxy.counted("shop", "shop").get(name, 0)
    wait_until(
        lambda: proxy.counted("shop", "shop").get(name, 0) >= before + count,
        "no attempt fails",
    )
    return proxy.counted("shop", "shop")[name]


SCENARIOS = [certificate_replaced, other_server]
