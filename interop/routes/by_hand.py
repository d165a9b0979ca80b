"""What go-control-plane would never say."""

import base64

from routes.control_plane import table, to
from routes.stage import expect_connections

OTHER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
NO_MESSAGE = base64.b64encode(b"\xff\xff\xff").decode()


def nonsense(stage):
    """Calls go on by the last good routes, and each is acknowledged or refused for what
    it is."""
    control = stage.control_plane(by_hand=True)
    proxy = stage.proxy(live=False)
    control.hear("ask shop")
    control.say("1", shop("v1"))
    control.hear_ack()
    proxy.wait_live()
    with stage.traffic(proxy) as traffic:
        traffic.moves_to("v1")
        Scene(stage, control, proxy, traffic).play()
        expect_connections(proxy)
    control.expect_count("open", 1)
    proxy.expect_accepted()


class Scene:
    def __init__(self, stage, control, proxy, traffic):
        self.is_delta = stage.way.is_delta
        self.control = control
        self.proxy = proxy
        self.traffic = traffic
        # The last version that was taken, which refusals tell in state of the world.
        self.version = "1"
        self.counts = {"update_success": 1, "config_reload": 1, "update_failure": 0}

    def taken(self, version, *resources, answer=None, counts=(), **more):
        """It is acknowledged, and answers change or do not."""
        self.control.say(version, *resources, **more)
        if more.get("nonce") == "":
            # What has no name is answered by none, as if the names were asked for.
            self.control.hear("ask ")
        else:
            self.control.hear_ack(None if self.is_delta else version)
        self.version = version
        self.expect(answer, counts)

    def refused(self, reason, version, *resources, counts=(), **more):
        """It is refused, for this reason, and nothing changes."""
        self.control.say(version, *resources, **more)
        refusal = self.control.hear_refusal(reason)
        assert refusal["nonce"] == f"nonce-{version}", refusal
        if "type" in more:
            assert refusal["type"] == more["type"], refusal
        elif not self.is_delta:
            assert refusal["version"] == self.version, refusal
        self.expect(None, counts)
        if "update_rejected" in counts:
            self.proxy.expect_refusal(reason, version)

    def expect(self, answer, counts):
        if answer:
            self.traffic.moves_to(answer)
        else:
            self.traffic.goes_on(10)
        for name in counts:
            self.counts[name] = self.counts.get(name, 0) + 1
        self.proxy.expect_counts(**self.counts)

    def play(self):
        taken, refused = self.taken, self.refused
        same, new = ["update_success"], ["update_success", "config_reload"]
        wrong = ["update_rejected"]

        taken("nothing", counts=["update_empty", *same])
        taken("other-name", table("other", to("v2")))
        # The first of a version that came before.
        taken("same", shop("v1"), counts=same)
        if self.is_delta:
            refused('"shop" is there twice', "twice", shop("v1"), shop("v2"), counts=wrong)
            taken("after-twice", shop("v2"), answer="v2", counts=new)
        else:
            # The last counts.
            taken("twice", shop("v1"), shop("v2"), answer="v2", counts=new)
        refused(
            f'nobody asked for resources of the type "{OTHER_TYPE}"',
            "other-type",
            {"type": OTHER_TYPE, "name": "shop", "bytes": NO_MESSAGE},
            type=OTHER_TYPE,
        )
        refused(
            "resources[0]: expected type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "other-type-inside",
            {"type": OTHER_TYPE, "name": "shop", "bytes": NO_MESSAGE},
            counts=wrong,
        )
        taken("after-other-types", shop("v1"), answer="v1", counts=new)
        no_message = {"name": "shop", "bytes": NO_MESSAGE}
        refused("resources[0]: cannot be decoded", "undecodable", no_message, counts=wrong)
        taken("after-undecodable", shop("v2"), answer="v2", counts=new)
        refused("resources[0]: it has no name", "nameless", table("", to("v1")), counts=wrong)
        # What is good beside it is taken.
        half = [no_message, table("other", to("v1"))]
        refused("resources[0]: cannot be decoded", "half", *half, counts=wrong)
        # Nonces that came before, and none.
        taken("old-nonce", shop("v1"), answer="v1", counts=new, nonce="nonce-1")
        taken("no-nonce", shop("v2"), answer="v2", counts=new, nonce="")
        if self.is_delta:
            taken("taken-back", counts=same, removed=["shop", "other"])
            status = self.proxy.dumped()["client_status"]
            assert status == "DOES_NOT_EXIST", status
            wrapped_otherwise = {"name": "shop", "table": table("other", to("v1"))}
            reason = '"shop" holds a resource named "other"'
            refused(reason, "wrapped", wrapped_otherwise, counts=wrong)
        taken("last", shop("v1"), answer="v1", counts=new)


def shop(cluster):
    return table("shop", to(cluster))
