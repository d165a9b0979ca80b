"""Every scenario, and the ways in which it is played."""

from harness import for_each
from routes import by_hand, files, many, outages, secure, starts, updates, wrong
from routes.stage import Backends, Stage
from routes.ways import ALL, API_TYPES, FILES, PLAIN, UNIX, Way


def run(proxy, report, options):
    def play(item):
        label, scenario, way = item
        with report.case(label), Stage(way, backends, proxy) as stage:
            note = scenario(stage)
            if note:
                report.tell(f"{label}: {note}")

    items = [
        (f"routes {scenario.__name__.replace('_', ' ')}, {way}", scenario, way)
        for scenario, ways in SCENARIOS
        for way in ways
    ]
    wanted = [item for item in items if report.wants(item[0])]
    if not wanted:
        return
    alone = [item for item in wanted if item[1] in ALONE]
    others = [item for item in wanted if item[1] not in ALONE]
    with Backends() as backends:
        for_each(alone, play, 1)
        for_each(others, play, options.jobs)


SECURE = [Way(mode, "google_grpc", "tcp", "mutual") for mode in API_TYPES]
# It takes so many ports that some others choose may be among them.
ALONE = [many.thousand_listeners]
SCENARIOS = [
    # The longest first, so that they do not come alone at the end.
    (many.thousand_listeners, PLAIN),
    (wrong.insisted_on, PLAIN),
    (updates.updated, ALL),
    *((scenario, PLAIN) for scenario in updates.IN_PLAIN_TEXT),
    *((scenario, PLAIN) for scenario in starts.SCENARIOS),
    *((scenario, PLAIN + UNIX + SECURE) for scenario in outages.ANYHOW),
    *((scenario, PLAIN) for scenario in outages.OVER_TCP),
    (wrong.refused, PLAIN),
    (by_hand.nonsense, PLAIN),
    *((scenario, secure.WAYS) for scenario in secure.SCENARIOS),
    *((scenario, PLAIN + UNIX[:1] + SECURE[1:]) for scenario in files.SERVED),
    *((scenario, FILES) for scenario in files.READ),
]
