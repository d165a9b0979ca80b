//! Handshakes that succeed, and what both ends know then.

use meta_core::Address;
use meta_tls::{HandshakeLimits, Handshakes, TlsVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};

use crate::{
    pki::{Ca, uri},
    setup::{client, meet, server, talk},
};

#[tokio::test]
async fn mutual_tls_carries_bytes_and_tells_who_is_there() {
    let ca = Ca::new("root");
    let greeter = ca.issue("greeter.example");
    let caller = ca.issue_with("caller.example", |params| {
        params
            .subject_alt_names
            .push(uri("spiffe://mesh/ns/default/sa/caller"));
    });
    let server = server(&greeter, Some(ca.validation()), |config| {
        config.tls.alpn = vec!["dubbo".into()];
    });
    let client = client(Some(&caller), Some(ca.validation()), |config| {
        config.sni = Some("Greeter.example".into());
        config.verify_sni = true;
        config.tls.alpn = vec!["thrift".into(), "dubbo".into()];
    });
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (mut accepted, mut end, info) = meet(&handshakes, &server, &client).await.agreed();
    talk(&mut accepted.transport, &mut end).await;

    assert_eq!(accepted.server_name.as_deref(), Some("greeter.example"));
    let seen = &accepted.info;
    assert_eq!((seen.version, seen.cipher), ("TLSv1.3", info.cipher));
    assert_eq!(seen.alpn.as_deref(), Some("dubbo"));
    let peer = seen.verified_peer().expect("it was verified");
    assert_eq!(&*peer.subject, "O=Greeters,CN=caller.example");
    assert_eq!(&*peer.issuer, "CN=root");
    assert_eq!(peer.dns_sans, ["caller.example".into()]);
    assert_eq!(peer.uri_sans, ["spiffe://mesh/ns/default/sa/caller".into()]);
    assert_eq!(peer.sha256.len(), 64);
    let server_seen = info.verified_peer().expect("it was verified");
    assert_eq!(server_seen.dns_sans, ["greeter.example".into()]);
    for stats in [handshakes.stats(), client.stats()] {
        assert_eq!(stats.handshake.value(), 1);
        assert_eq!(stats.no_certificate.value(), 0);
        assert_eq!(stats.connection_error.value(), 0);
    }
    assert_eq!(handshakes.under_way(), 0);
}

#[tokio::test]
async fn an_older_version_does_where_both_speak_it() {
    let ca = Ca::new("root");
    let identity = ca.issue("greeter.example");
    let server = server(&identity, Some(ca.validation()), |config| {
        config.tls.max_version = Some(TlsVersion::Tls12);
    });
    let client = client(Some(&identity), Some(ca.validation()), |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (mut accepted, mut end, info) = meet(&handshakes, &server, &client).await.agreed();
    talk(&mut accepted.transport, &mut end).await;
    assert_eq!(info.version, "TLSv1.2");
    assert!(info.cipher.starts_with("ECDHE-ECDSA-"), "{}", info.cipher);
}

#[tokio::test]
async fn the_end_is_told_and_is_no_error() {
    let ca = Ca::new("root");
    let identity = ca.issue("greeter.example");
    let server = server(&identity, None, |_| {});
    let client = client(None, None, |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let mut read = Vec::new();

    let (accepted, mut end, _) = meet(&handshakes, &server, &client).await.agreed();
    let mut transport = accepted.transport;
    transport.shutdown().await.expect("shut down");
    assert_eq!(end.read_to_end(&mut read).await.expect("a clean end"), 0);

    // Dropped without a word.
    let (accepted, mut end, _) = meet(&handshakes, &server, &client).await.agreed();
    drop(accepted);
    assert_eq!(end.read_to_end(&mut read).await.expect("a clean end"), 0);
}

/// Whoever goes without a word has closed: the protocol above tells whether its last
/// message is whole.
#[tokio::test]
async fn the_end_without_a_word_is_no_error_either() {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |_| {});
    let client = client(None, None, |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (ours, mut near) = duplex(64 << 10);
    let (mut far, theirs) = duplex(64 << 10);
    let relay = tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    let (accepted, shaken) = tokio::join!(
        handshakes.accept(theirs, &server),
        client.handshake(ours, &Address::Memory),
    );
    let mut transport = accepted.expect("the server agrees").transport;
    let (mut end, _) = shaken.expect("the client agrees");
    end.write_all(b"half a mess").await.expect("written");
    end.flush().await.expect("flushed");
    let mut read = [0; 11];
    transport.read_exact(&mut read).await.expect("read");
    relay.abort();
    for end in [&mut transport, &mut end] {
        let mut rest = Vec::new();
        assert_eq!(end.read_to_end(&mut rest).await.expect("an end"), 0);
    }
    assert_eq!(handshakes.stats().connection_error.value(), 0);
}
