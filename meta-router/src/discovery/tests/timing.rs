//! When names are asked for again.

use super::*;

/// When `name` was asked for within so many seconds.
async fn times(script: &Arc<Script>, dns: &DnsConfig, seconds: u64) -> Vec<f64> {
    let _scene = Scene::start(script, vec![strict("c", &[("a", 80)], dns)]).await;
    sleep(Duration::from_secs(seconds)).await;
    script.asked("a")
}

fn pauses(times: &[f64]) -> impl Iterator<Item = f64> {
    times.windows(2).map(|pair| pair[1] - pair[0])
}

#[track_caller]
fn assert_near(actual: &[f64], expected: &[f64]) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.01;
    let all = actual.iter().zip(expected).all(near) && actual.len() == expected.len();
    assert!(all, "{actual:?} is not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn at_the_refresh_rate() {
    let script = Script::new();
    script.set("a", 60, &["10.0.0.1"]);
    assert_near(&times(&script, &v4(), 11).await, &[0.0, 5.0, 10.0]);
}

#[tokio::test(start_paused = true)]
async fn at_the_time_to_live() {
    let script = Script::new();
    script.set("a", 3, &["10.0.0.1"]);
    let dns = DnsConfig {
        respect_ttl: true,
        ..v4()
    };
    assert_near(&times(&script, &dns, 7).await, &[0.0, 3.0, 6.0]);
    let dns = DnsConfig {
        min_ttl: Duration::from_secs(4),
        ..dns
    };
    let script = Script::new();
    script.set("a", 3, &["10.0.0.1"]);
    assert_near(&times(&script, &dns, 9).await, &[0.0, 4.0, 8.0]);
    // One of 0 would be asked for all the time.
    let script = Script::new();
    script.set("a", 0, &["10.0.0.1"]);
    assert_near(&times(&script, &dns, 11).await, &[0.0, 5.0, 10.0]);
}

#[tokio::test(start_paused = true)]
async fn with_jitter() {
    let script = Script::new();
    script.set("a", 0, &["10.0.0.1"]);
    let dns = DnsConfig {
        jitter: Duration::from_secs(2),
        ..v4()
    };
    let times = times(&script, &dns, 600).await;
    let (mut least, mut most) = (f64::MAX, 0.0_f64);
    for pause in pauses(&times) {
        (least, most) = (least.min(pause), most.max(pause));
    }
    assert!((5.0..5.5).contains(&least), "{least}");
    assert!((6.5..7.01).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn failures_back_off() {
    let script = Script::new();
    script.fail("a");
    let dns = DnsConfig {
        failure_refresh: Some(DnsBackoff {
            base: Duration::from_secs(1),
            max: Duration::from_secs(10),
        }),
        ..v4()
    };
    let scene = Scene::start(&script, vec![strict("c", &[("a", 80)], &dns)]).await;
    sleep(Duration::from_secs(120)).await;
    let asked = script.asked("a");
    let mut longest = 1.0;
    for pause in pauses(&asked) {
        let range = longest / 2.0 - 0.01..longest + 0.01;
        assert!(range.contains(&pause), "{pause} is not in {range:?}");
        longest = f64::min(longest * 2.0, 10.0);
    }
    assert!(asked.len() > 12);
    // The next failure after an answer is the first.
    script.set("a", 0, &["10.0.0.1"]);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(scene.at("c").len(), 1);
    script.set("a", 0, &[]);
    let before = script.asked("a").len();
    // The refresh, then pauses of a second and of two at most.
    sleep(Duration::from_millis(8_200)).await;
    assert!(script.asked("a").len() >= before + 3);
    assert_eq!(scene.at("c").len(), 1);
}
