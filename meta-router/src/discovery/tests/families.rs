//! Which addresses are asked for, and what holds where one family fails.

use super::*;

const V4: &str = "10.0.0.1";
const V6: &str = "2001:db8::1";

async fn scene(script: &Arc<Script>, family: LookupFamily) -> Scene {
    let dns = DnsConfig {
        family,
        ..DnsConfig::default()
    };
    Scene::start(script, vec![strict("c", &[("a", 80)], &dns)]).await
}

#[tokio::test(start_paused = true)]
async fn the_family_decides() {
    let (v4, v6) = ("10.0.0.1:80", "[2001:db8::1]:80");
    for (family, of_both, of_v4, of_v6) in [
        (LookupFamily::Auto, &[v6][..], &[v4][..], &[v6][..]),
        (LookupFamily::V4Preferred, &[v4], &[v4], &[v6]),
        (LookupFamily::V4Only, &[v4], &[v4], &[]),
        (LookupFamily::V6Only, &[v6], &[], &[v6]),
        (LookupFamily::All, &[v4, v6], &[v4], &[v6]),
    ] {
        for (addresses, expected) in [(&[V4, V6][..], of_both), (&[V4], of_v4), (&[V6], of_v6)] {
            let script = Script::new();
            script.set("a", 0, addresses);
            let scene = scene(&script, family).await;
            assert_eq!(scene.at("c"), expected, "{family:?} of {addresses:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_preferred_family_changes_nothing() {
    for (family, preferred, other) in [
        (LookupFamily::Auto, IpFamily::V6, V4),
        (LookupFamily::V4Preferred, IpFamily::V4, V6),
    ] {
        let script = Script::new();
        script.set("a", 0, &[V4, V6]);
        let scene = scene(&script, family).await;
        let before = scene.at("c");
        script.fail_for("a", preferred);
        refresh().await;
        assert_eq!(scene.at("c"), before);
        assert_eq!(scene.counts("c")[2], 1);
        // That there is none any more is another thing.
        script.set("a", 0, &[other]);
        refresh().await;
        assert_ne!(scene.at("c"), before);
    }
}

/// Name servers that know nothing of IPv6 fail instead of saying so.
#[tokio::test(start_paused = true)]
async fn a_family_that_never_answered_is_done_without() {
    for family in [LookupFamily::Auto, LookupFamily::All] {
        let script = Script::new();
        script.set("a", 0, &[V4]);
        script.fail_for("a", IpFamily::V6);
        let scene = scene(&script, family).await;
        assert_eq!(scene.at("c"), ["10.0.0.1:80"]);
        assert_eq!(scene.counts("c"), [1, 1, 0, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_both_each_is_kept_by_itself() {
    let script = Script::new();
    script.set("a", 0, &[V4, V6]);
    let scene = scene(&script, LookupFamily::All).await;
    script.set("a", 0, &["10.0.0.2"]);
    script.fail_for("a", IpFamily::V6);
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.2:80", "[2001:db8::1]:80"]);
    script.set("a", 0, &["10.0.0.2"]);
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.2:80"]);
    script.fail("a");
    refresh().await;
    script.set("a", 0, &[]);
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.2:80"]);
    assert_eq!(scene.counts("c"), [5, 3, 1, 1, 0]);
}
