//! Handshakes that fail, each for a reason that is told and counted.

use std::time::Duration;

use meta_core::{MetadataMatcher, Rule};
use meta_tls::{
    CertificateProblem, HandshakeError, HandshakeLimits, Handshakes, Pin, SanKind, SanMatcher,
    TlsStats, TlsVersion, ValidationConfig,
};
use rcgen::{ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::{
    pki::{Ca, Identity, uri},
    setup::{Met, client, meet, server},
};

fn handshakes() -> std::sync::Arc<Handshakes> {
    Handshakes::new(HandshakeLimits::default())
}

/// What counters there are, but for those that are 0.
fn counted(stats: &TlsStats) -> Vec<(String, u64)> {
    let mut counted = Vec::new();
    stats.visit(&mut |name, cell| {
        if let meta_core::stats::Cell::Counter(counter) = cell
            && counter.value() > 0
        {
            counted.push((name.to_owned(), counter.value()));
        }
    });
    counted
}

fn sans(rules: &[(SanKind, &str)]) -> Vec<SanMatcher> {
    let matcher = |(kind, name): &(SanKind, &str)| SanMatcher {
        kind: Some(*kind),
        value: MetadataMatcher::new("", Rule::Exact((*name).to_owned())),
    };
    rules.iter().map(matcher).collect()
}

/// Lets a server check a client's certificate, and a client a server's: it must be
/// refused by both for this reason, which is counted so.
async fn assert_refused(
    identity: &Identity,
    ca: &Ca,
    validation: ValidationConfig,
    problem: CertificateProblem,
    counter: &str,
) {
    let good = ca.issue("greeter.example");
    let checking = server(&good, Some(validation.clone()), |_| {});
    let caller = client(Some(identity), Some(ca.validation()), |_| {});
    let listening = handshakes();
    let met = meet(&listening, &checking, &caller).await;
    let error = met.server.expect_err("the client is refused");
    let HandshakeError::Certificate(found) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*found, problem);
    assert_eq!(counted(listening.stats()), [(counter.to_owned(), 1)]);

    let showing = server(identity, None, |_| {});
    let checking = client(None, Some(validation), |_| {});
    let met = meet(&handshakes(), &showing, &checking).await;
    let error = met.client.expect_err("the server is refused");
    let HandshakeError::Certificate(found) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*found, problem);
    assert_eq!(counted(checking.stats()), [(counter.to_owned(), 1)]);
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let (ca, other) = (Ca::new("root"), Ca::new("another"));
    let expired = ca.issue_with("peer.example", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let early = ca.issue_with("peer.example", |params| {
        params.not_before = date_time_ymd(3001, 1, 1);
        params.not_after = date_time_ymd(3002, 1, 1);
    });
    let signer = ca.issue_with("peer.example", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    });
    let cases = [
        (other.issue("peer.example"), CertificateProblem::UnknownCa),
        (
            Ca::new("root").issue("peer.example"),
            CertificateProblem::WrongSigner,
        ),
        (expired, CertificateProblem::Expired),
        (early, CertificateProblem::NotValidYet),
        (signer, CertificateProblem::WrongPurpose),
    ];
    for (identity, problem) in cases {
        let validation = ca.validation();
        assert_refused(&identity, &ca, validation, problem, "ssl.fail_verify_error").await;
    }
}

#[tokio::test]
async fn revoked_certificates_and_those_no_list_speaks_of() {
    let ca = Ca::new("root");
    let revoked = ca.issue_with("peer.example", |params| {
        params.serial_number = Some(SerialNumber::from_slice(&[7]));
    });
    let mut validation = ca.validation();
    validation.crl = Some(ca.crl(&[5, 7]));
    let problem = CertificateProblem::Revoked;
    assert_refused(
        &revoked,
        &ca,
        validation.clone(),
        problem,
        "ssl.fail_verify_error",
    )
    .await;

    validation.crl = Some(Ca::new("root of others").crl(&[7]));
    let problem = CertificateProblem::UnknownRevocationStatus;
    assert_refused(
        &revoked,
        &ca,
        validation.clone(),
        problem,
        "ssl.fail_verify_error",
    )
    .await;

    validation.crl = Some(ca.crl(&[5]));
    assert_passes(&revoked, &ca, validation).await;
}

/// Lets a server check a client's certificate: it must be accepted, and verified.
async fn assert_passes(identity: &Identity, ca: &Ca, validation: ValidationConfig) {
    let good = ca.issue("greeter.example");
    let checking = server(&good, Some(validation), |_| {});
    let caller = client(Some(identity), Some(ca.validation()), |_| {});
    let (accepted, ..) = meet(&handshakes(), &checking, &caller).await.agreed();
    assert!(accepted.info.verified_peer().is_some());
}

#[tokio::test]
async fn names_that_are_not_accepted() {
    let ca = Ca::new("root");
    let identity = ca.issue_with("*.peers.example", |params| {
        params
            .subject_alt_names
            .push(uri("spiffe://mesh/sa/caller"));
    });
    let refused: [&[_]; 4] = [
        &[(SanKind::Dns, "peers.example")],
        &[
            (SanKind::Dns, "a.b.peers.example"),
            (SanKind::Uri, "spiffe://mesh/sa/other"),
        ],
        &[(SanKind::Dns, "spiffe://mesh/sa/caller")],
        &[(SanKind::Email, "*.peers.example")],
    ];
    for rules in refused {
        let mut validation = ca.validation();
        validation.subject_alt_names = sans(rules);
        let problem = CertificateProblem::San;
        assert_refused(&identity, &ca, validation, problem, "ssl.fail_verify_san").await;
    }
    let accepted: [&[_]; 2] = [
        &[(SanKind::Dns, "one.PEERS.example")],
        &[
            (SanKind::Dns, "other"),
            (SanKind::Uri, "spiffe://mesh/sa/caller"),
        ],
    ];
    for rules in accepted {
        let mut validation = ca.validation();
        validation.subject_alt_names = sans(rules);
        assert_passes(&identity, &ca, validation).await;
    }
}

fn digest_pin(bytes: &[u8]) -> Pin {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let digits: String = digest.as_ref().iter().map(|b| format!("{b:02X}")).collect();
    Pin::from_hex(&digits).expect("a digest")
}

#[tokio::test]
async fn certificates_that_are_not_pinned() {
    let ca = Ca::new("root");
    let (pinned, other) = (ca.issue("peer.example"), ca.issue("peer.example"));
    let mut whole = ValidationConfig::default();
    whole.certificate_pins = vec![digest_pin(&pinned.der)];
    let mut key = ca.validation();
    key.spki_pins = vec![digest_pin(&pinned.spki)];
    for validation in [whole, key] {
        let problem = CertificateProblem::NotPinned;
        let counter = "ssl.fail_verify_cert_hash";
        assert_refused(&other, &ca, validation.clone(), problem, counter).await;
        assert_passes(&pinned, &ca, validation).await;
    }
}

#[tokio::test]
async fn a_name_that_was_not_asked_for() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |_| {});
    let client = client(None, Some(ca.validation()), |config| {
        config.sni = Some("other.example".into());
        config.verify_sni = true;
    });
    let met = meet(&handshakes(), &server, &client).await;
    let error = met.client.expect_err("it is another");
    assert!(
        matches!(
            error,
            HandshakeError::Certificate(CertificateProblem::WrongName)
        ),
        "{error:?}"
    );
    assert_eq!(
        counted(client.stats()),
        [("ssl.fail_verify_san".to_owned(), 1)]
    );
}

#[tokio::test]
async fn a_client_without_a_certificate() {
    let ca = Ca::new("root");
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let server = server(
            &ca.issue("greeter.example"),
            Some(ca.validation()),
            |config| {
                config.tls.max_version = Some(version);
            },
        );
        let client = client(None, Some(ca.validation()), |_| {});
        let listening = handshakes();
        let Met { server, client } = meet(&listening, &server, &client).await;
        let error = server.expect_err("none was presented");
        assert!(
            matches!(error, HandshakeError::NoClientCertificate),
            "{error:?}"
        );
        let counted = counted(listening.stats());
        assert_eq!(counted, [("ssl.fail_verify_no_cert".to_owned(), 1)]);
        // With TLS 1.3 the client learns of it after its handshake.
        let told = match client {
            Err(error) => error.to_string(),
            Ok((mut end, _)) => end.read_u8().await.expect_err("refused").to_string(),
        };
        assert!(told.starts_with("the peer refused the handshake"), "{told}");
    }
}

#[tokio::test]
async fn nothing_in_common() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |config| {
        config.tls.min_version = Some(TlsVersion::Tls13);
    });
    let client = client(None, None, |config| {
        config.tls.max_version = Some(TlsVersion::Tls12);
    });
    let listening = handshakes();
    let met = meet(&listening, &server, &client).await;
    let error = met.server.expect_err("no version");
    assert!(
        matches!(error, HandshakeError::NothingInCommon(_)),
        "{error:?}"
    );
    let error = met.client.expect_err("no version").to_string();
    assert!(error.contains("another version of TLS"), "{error}");
    assert_eq!(
        counted(listening.stats()),
        [("ssl.connection_error".to_owned(), 1)]
    );
}

#[tokio::test]
async fn plain_text_to_tls() {
    for first in [
        &b"\xda\xbb\xc2\0\0\0\0\0\0\0\0\0\0\0\0\x05"[..],
        b"\0\0\0\x20\x80\x01",
        b"GET / HTTP/1.1",
    ] {
        let listening = handshakes();
        let (mut ours, theirs) = duplex(1024);
        ours.write_all(first).await.expect("written");
        let error = listening.hello(theirs).await.expect_err("no TLS");
        assert!(matches!(error, HandshakeError::NotTls), "{error:?}");
        let counted = counted(listening.stats());
        let expected = [
            ("ssl.connection_error".to_owned(), 1),
            ("ssl.not_tls".to_owned(), 1),
        ];
        assert_eq!(counted, expected);
    }
}

#[tokio::test]
async fn tls_to_plain_text() {
    for answer in [&b"\xda\xbb\x02\x14"[..], b"HTTP/1.1 400 Bad Request\r\n"] {
        let client = client(None, None, |_| {});
        let (ours, mut theirs) = duplex(4096);
        theirs.write_all(answer).await.expect("written");
        let met = client.handshake(ours, &meta_core::Address::Memory).await;
        let error = met.expect_err("no TLS");
        assert!(matches!(error, HandshakeError::NotTls), "{error:?}");
        assert_eq!(client.stats().not_tls.value(), 1);
    }
    let client = client(None, None, |_| {});
    let (ours, mut theirs) = duplex(4096);
    let (met, ()) = tokio::join!(
        client.handshake(ours, &meta_core::Address::Memory),
        async move {
            theirs.read_u8().await.expect("a hello");
        }
    );
    let error = met.expect_err("closed");
    assert!(matches!(error, HandshakeError::Closed), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn half_a_handshake() {
    let ca = Ca::new("root");
    let slow = server(&ca.issue("greeter.example"), None, |config| {
        config.handshake_timeout = Duration::from_secs(20);
    });
    // Nothing at all; then half a hello; then a hello, and nothing more.
    let hello = hello_of_a_client().await;
    for sent in [0, hello.len() / 2, hello.len()] {
        let listening = handshakes();
        let (mut ours, theirs) = duplex(4096);
        ours.write_all(&hello[..sent]).await.expect("written");
        let error = listening.accept(theirs, &slow).await.expect_err("too slow");
        let HandshakeError::TimedOut(timeout) = error else {
            panic!("{error:?}");
        };
        assert_eq!(timeout, Duration::from_secs(20), "that of the context");
        assert_eq!(listening.stats().handshake_timeout.value(), 1);
        assert_eq!(listening.under_way(), 0);
        // The connection is closed, with or without what was written before.
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.expect("closed");
    }
}

async fn hello_of_a_client() -> Vec<u8> {
    let client = client(None, None, |_| {});
    let (ours, mut theirs) = duplex(4096);
    let mut hello = vec![0; 4096];
    let read = tokio::select! {
        _ = client.handshake(ours, &meta_core::Address::Memory) => panic!("nobody answers"),
        read = theirs.read(&mut hello) => read.expect("read"),
    };
    hello.truncate(read);
    hello
}

#[tokio::test]
async fn more_handshakes_than_may_be() {
    let mut limits = HandshakeLimits::default();
    limits.max_under_way = 2;
    let listening = Handshakes::new(limits);
    let mut hanging = Vec::new();
    for _ in 0..2 {
        let (ours, theirs) = duplex(1024);
        let mut hello = Box::pin({
            let listening = listening.clone();
            async move { listening.hello(theirs).await }
        });
        assert!(futures_poll(&mut hello).await);
        hanging.push((ours, hello));
    }
    assert_eq!(listening.under_way(), 2);
    let (_ours, theirs) = duplex(1024);
    let error = listening.hello(theirs).await.expect_err("one too many");
    assert!(matches!(error, HandshakeError::TooMany(2)), "{error:?}");
    assert_eq!(listening.stats().handshake_overflow.value(), 1);

    // Gone, they make room.
    hanging.clear();
    assert_eq!(listening.under_way(), 0);
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |_| {});
    meet(&listening, &server, &client(None, None, |_| {}))
        .await
        .agreed();
}

/// Whether the future waits.
async fn futures_poll(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|cx| {
        let polled = std::pin::Pin::new(&mut *future).poll(cx);
        std::task::Poll::Ready(polled.is_pending())
    })
    .await
}

/// Whatever the bytes, a handshake ends, and leaves nothing.
#[tokio::test]
async fn hellos_that_are_garbled_or_cut() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), Some(ca.validation()), |_| {});
    let hello = hello_of_a_client().await;
    let listening = handshakes();
    for at in 0..hello.len() {
        let mut garbled = hello.clone();
        garbled[at] ^= 0xa5;
        for bytes in [&garbled[..], &hello[..at]] {
            let (mut ours, theirs) = duplex(16 << 10);
            ours.write_all(bytes).await.expect("written");
            ours.shutdown().await.expect("shut down");
            let accepted = listening.accept(theirs, &server).await;
            accepted.expect_err("it is no handshake");
        }
    }
    assert_eq!(listening.under_way(), 0);
    assert_eq!(listening.stats().handshake.value(), 0);
    let failed = listening.stats().connection_error.value();
    assert_eq!(failed, 2 * hello.len() as u64);
}
