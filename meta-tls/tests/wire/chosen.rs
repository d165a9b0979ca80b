//! Which certificate a client sees, and what is not shown.

use std::sync::Arc;

use meta_tls::{
    CertificateSource, ClientTls, DataSource, HandshakeError, HandshakeLimits, Handshakes,
    TlsContexts,
};
use tokio::io::AsyncReadExt;

use crate::{
    pki::{Ca, inline},
    setup::{client, meet, server, tls},
};

fn asking_for(name: Option<&str>) -> Arc<ClientTls> {
    client(None, None, |config| config.sni = name.map(str::to_owned))
}

#[tokio::test]
async fn a_certificate_by_the_name_asked_for() {
    let ca = Ca::new("root");
    let names = ["first.example", "*.wild.example", "one.wild.example"];
    let server = server(&ca.issue(names[0]), None, |config| {
        let more = names[1..].iter().map(|name| ca.issue(name).config());
        config
            .tls
            .certificates
            .extend(more.map(CertificateSource::from));
    });
    let handshakes = Handshakes::new(HandshakeLimits::default());
    for (asked, expected) in [
        (None, 0),
        (Some("first.example"), 0),
        (Some("unknown.example"), 0),
        (Some("two.wild.example"), 1),
        (Some("ONE.wild.example"), 2),
        (Some("a.b.wild.example"), 0),
    ] {
        let client = asking_for(asked);
        let (_, _, info) = meet(&handshakes, &server, &client).await.agreed();
        let seen = info.peer.expect("there is one").dns_sans;
        assert_eq!(*seen[0], *names[expected], "{asked:?}");
    }
}

#[tokio::test]
async fn a_name_may_be_required() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |config| {
        config.require_server_name = true;
    });
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let met = meet(&handshakes, &server, &asking_for(None)).await;
    let error = met.server.expect_err("it asks for none");
    assert!(matches!(error, HandshakeError::NoServerName), "{error:?}");
    meet(&handshakes, &server, &asking_for(Some("greeter.example")))
        .await
        .agreed();
}

#[tokio::test]
async fn protocols_that_nobody_shares_are_no_reason_to_refuse() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |config| {
        config.tls.alpn = vec!["dubbo".into()];
    });
    let client = client(None, None, |config| config.tls.alpn = vec!["h2".into()]);
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (accepted, _, info) = meet(&handshakes, &server, &client).await.agreed();
    assert_eq!((accepted.info.alpn.clone(), info.alpn), (None, None));
}

#[tokio::test]
async fn who_is_not_verified_does_not_count_as_such() {
    let (ca, other) = (Ca::new("root"), Ca::new("another"));
    let greeter = ca.issue("greeter.example");
    let mut lenient = ca.validation();
    lenient.accept_untrusted = true;
    let handshakes = Handshakes::new(HandshakeLimits::default());
    // One that any certificate will do for, and one that tells them apart.
    let any = server(&greeter, None, |config| {
        config.require_client_certificate = true
    });
    let lenient = server(&greeter, Some(lenient), |_| {});
    for (server, of_ours) in [(&any, false), (&lenient, true)] {
        for (issuer, verified) in [(&ca, of_ours), (&other, false)] {
            let caller = client(Some(&issuer.issue("caller.example")), None, |_| {});
            for _ in 0..2 {
                let (accepted, mut end, _) = meet(&handshakes, server, &caller).await.agreed();
                let peer = accepted.info.peer.clone().expect("one was presented");
                assert_eq!(peer.is_verified, verified);
                assert_eq!(accepted.info.verified_peer().is_some(), verified);
                drop(accepted);
                // With the tickets, for the second time.
                end.read_to_end(&mut Vec::new()).await.expect("a clean end");
            }
        }
    }
    assert_eq!(handshakes.stats().session_reused.value(), 4);
}

#[test]
fn no_secret_is_shown_and_two_can_be_told_apart() {
    let ca = Ca::new("root");
    let (one, two) = (ca.issue("one.example"), ca.issue("two.example"));
    let shown = |identity| {
        let client = client(Some(identity), Some(ca.validation()), |_| {});
        format!("{client:?}")
    };
    let texts = [shown(&one), shown(&two), shown(&one)];
    assert_eq!(texts[0], texts[2]);
    assert_ne!(texts[0], texts[1]);
    let secret = one.key.lines().nth(1).expect("PEM has lines");
    for text in [&texts[0], &format!("{:?}", inline(&one.key))] {
        assert!(!text.contains(secret), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
}

#[test]
fn settings_that_make_no_sense() {
    let ca = Ca::new("root");
    let contexts = TlsContexts::new();
    let mut names = ca.validation();
    names.trusted_ca = None;
    names.subject_alt_names = vec![meta_tls::SanMatcher {
        kind: None,
        value: meta_core::MetadataMatcher::new("", meta_core::Rule::Exact("a".into())),
    }];
    let mut config = meta_tls::ClientTlsConfig::new(tls(None, Some(names)));
    let error = contexts
        .client(config.clone())
        .expect_err("anyone can claim a name");
    assert!(
        error
            .to_string()
            .contains("only be matched with a trusted CA"),
        "{error}"
    );
    config.tls.validation = None;
    config.sni = Some("no host name".into());
    let error = contexts.client(config.clone()).expect_err("no name");
    assert!(error.to_string().contains("it is no host name"), "{error}");
    config.sni = None;
    config.verify_sni = true;
    let error = contexts.client(config).expect_err("no name to verify");
    assert!(error.to_string().contains("SNI is not set"), "{error}");
    let nothing = meta_tls::ServerTlsConfig::new(tls(None, None));
    let error = contexts.server(nothing).expect_err("no certificate");
    assert!(error.to_string().contains("needs a certificate"), "{error}");
    let mut missing = tls(Some(&ca.issue("a.example")), None);
    missing.certificates = vec![
        meta_tls::CertificateConfig {
            chain: DataSource::Environment("META_TLS_NOT_THERE".into()),
            key: inline(""),
        }
        .into(),
    ];
    let error = contexts.server(meta_tls::ServerTlsConfig::new(missing));
    let error = error.expect_err("no such variable").to_string();
    assert!(
        error.starts_with("cannot read the certificate chain from $META_TLS_NOT_THERE"),
        "{error}"
    );
}
