"""Route tables in files: of a control plane, and of the proxy itself."""

import json
import os

from bootstrap import bootstrap_of, filter_chain, listener
from harness import free_port, wait_until
from routes.control_plane import table, to
from routes.stage import SHOP, LiveProxy, expect_connections

NAME = "shop.json"
# Files that are wrong, and what is said of them.
BAD = {
    '{"name": "shop"': NAME,
    '{"name": "shop", "routes": [{}]}': "routes[0].route: ",
}


class Folder:
    """Files that are replaced by renaming others."""

    def __init__(self, path):
        self.path = path
        self.file = path / NAME

    def write(self, text):
        new = self.path / ".new"
        new.write_text(text)
        new.rename(self.file)


class ConfigMap(Folder):
    """Files that are links, by way of one link, into a folder that is replaced."""

    def __init__(self, path):
        super().__init__(path)
        self._count = 0

    def write(self, text):
        self._count += 1
        data = self.path / f"..{self._count}"
        data.mkdir()
        (data / NAME).write_text(text)
        new = self.path / "..data_tmp"
        new.symlink_to(data.name)
        os.rename(new, self.path / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to(f"..data/{NAME}")


def http(cluster):
    """As control planes send it."""
    return table("shop", to(cluster))


def own(cluster):
    """As it stands in a bootstrap."""
    route = {"match": {}, "route": {"cluster": cluster}}
    return {"name": "shop", "routes": [route]}


def served_by_rename(stage):
    served(stage, Folder)


def served_as_config_map(stage):
    served(stage, ConfigMap)


def served(stage, kind):
    """By `meta-proxy rds-server`, which is restarted at last."""
    folder = kind(stage.folder())
    folder.write(json.dumps(http("v1")))
    control = stage.rds_server(folder.path)
    proxy = stage.proxy()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        folder.write(json.dumps(own("v2")))
        traffic.moves_to("v2")
        for bad in BAD:
            expect_complaint(control, folder, bad)
            traffic.goes_on(50)
        proxy.expect_counts(update_success=2, config_reload=2, update_failure=0)
        folder.write(json.dumps(http("v1")))
        traffic.moves_to("v1")
        control.kill()
        proxy.wait_connected(False)
        folder.write(json.dumps(http("v2")))
        stage.rds_server(folder.path)
        traffic.moves_to("v2")
        expect_connections(proxy)


def expect_complaint(control, folder, bad):
    """The log says what is wrong with the file."""
    path = str(folder.file)
    before = control.logged(path)
    folder.write(bad)
    wait_until(lambda: control.logged(path) > before, f"nothing is said of {path}")


def read_by_rename(stage):
    read(stage, Folder)


def read_as_config_map(stage):
    read(stage, ConfigMap)


def read(stage, kind):
    """By the proxy itself (`path_config_source`)."""
    folder = kind(stage.folder())
    path = {"path": str(folder.file), "poll_interval": "0.02s"}
    source = {"path_config_source": path, "initial_fetch_timeout": "0s"}
    proxy = stage.proxy_of(SHOP, source)
    folder.write(json.dumps(own("v1")))
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        folder.write(json.dumps(http("v2")))
        traffic.moves_to("v2")
        for rejected, (bad, reason) in enumerate(BAD.items(), 1):
            folder.write(bad)
            proxy.expect_counts(update_success=2, config_reload=2, update_rejected=rejected)
            proxy.expect_refusal(reason, "")
            traffic.goes_on()
        folder.write(json.dumps(own("v1")))
        traffic.moves_to("v1")
        proxy.expect_accepted()
        expect_connections(proxy)


def watched_by_rename(stage):
    watched(stage, Folder)


def watched_as_config_map(stage):
    watched(stage, ConfigMap)


def watched(stage, kind):
    """The bootstrap itself, of which routes and endpoints are followed (`run --watch`)."""
    folder = kind(stage.folder())
    admin = stage.folder() / "admin.sock"

    def write(port, route, **instead):
        chain = filter_chain("thrift", [(None, route)], stat_prefix="shop")
        listeners = [listener("shop", port, [chain])]
        folder.write(json.dumps(bootstrap_of(listeners, admin, stage.clusters(**instead))))

    def make():
        port = free_port()
        write(port, "v1")
        flags = ["run", "-c", folder.file, "--watch"]
        return LiveProxy({"shop": port}, admin, [*stage.command, *flags])

    proxy = stage.start(make)
    proxy.wait_live()

    def expect_updates(success, rejected):
        want = [success, rejected]

        def got():
            stats = proxy.stats()
            return [stats[f"bootstrap.update_{name}"] for name in ("success", "rejected")]

        wait_until(lambda: got() == want, lambda: f"updates counted: {got()}, not {want}")

    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        write(proxy.port, "v2")
        traffic.moves_to("v2")
        expect_updates(1, 0)
        folder.write('{"static_resources": ')
        expect_updates(1, 1)
        # Another port takes a restart: nothing is taken, the routes neither.
        write(free_port(), "v1")
        expect_updates(1, 2)
        traffic.goes_on()
        write(proxy.port, "v1")
        traffic.moves_to("v1")
        # Other endpoints.
        write(proxy.port, "v1", v1="v2")
        traffic.moves_to("v2")
        expect_updates(3, 2)
        expect_connections(proxy)


SERVED = [served_by_rename, served_as_config_map]
READ = [read_by_rename, read_as_config_map, watched_by_rename, watched_as_config_map]
