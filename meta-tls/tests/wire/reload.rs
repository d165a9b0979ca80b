//! Secrets in files that change.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use meta_core::stats::Cell;
use meta_tls::{
    CertificateConfig, ClientTls, DataSource, HandshakeLimits, Handshakes, ServerTls,
    ServerTlsConfig, TlsConfig, TlsConfigError, TlsContexts, ValidationConfig,
};
use tempfile::TempDir;

use crate::{
    pki::{Ca, Identity},
    setup::{client, meet, talk},
};

/// A server whose certificate, key and trusted CA are in a folder.
fn server(contexts: &TlsContexts, folder: &Path) -> Result<Arc<ServerTls>, TlsConfigError> {
    let file = |name: &str| DataSource::File(folder.join(name));
    let mut tls = TlsConfig::default();
    let certificate = CertificateConfig {
        chain: file("tls.crt"),
        key: file("tls.key"),
    };
    tls.certificates.push(certificate.into());
    let mut validation = ValidationConfig::default();
    validation.trusted_ca = Some(file("ca.crt"));
    tls.validation = Some(validation.into());
    let mut config = ServerTlsConfig::new(tls);
    config.require_client_certificate = true;
    contexts.server(config)
}

fn write(folder: &Path, identity: &Identity, ca: &Ca) {
    let texts = [
        ("tls.crt", &identity.chain),
        ("tls.key", &identity.key),
        ("ca.crt", &ca.pem),
    ];
    for (name, text) in texts {
        fs::write(folder.join(name), text).expect("written");
    }
}

/// A change counts when two looks see the same.
fn look_twice(contexts: &TlsContexts) {
    contexts.look();
    contexts.look();
}

fn counter(server: &ServerTls, name: &str) -> u64 {
    let mut value = None;
    server.visit_stats(&mut |known, cell| {
        if let (true, Cell::Counter(counter)) = (known.ends_with(name), cell) {
            value = Some(counter.value());
        }
    });
    value.expect("there is such a counter")
}

/// The common name of the certificate that a client sees.
async fn shown(handshakes: &Arc<Handshakes>, server: &ServerTls, client: &ClientTls) -> String {
    let (_, _, info) = meet(handshakes, server, client).await.agreed();
    info.peer.expect("there is one").subject.to_string()
}

#[tokio::test]
async fn new_handshakes_go_by_new_files_and_old_connections_go_on() {
    let ca = Ca::new("root");
    let (old, new) = (ca.issue("old.example"), ca.issue("new.example"));
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), &old, &ca);
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    let client = client(Some(&old), Some(ca.validation()), |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (mut accepted, mut end, _) = meet(&handshakes, &server, &client).await.agreed();

    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_by_sds"), 0);
    write(folder.path(), &new, &ca);
    contexts.look();
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=old.example"
    );
    contexts.look();
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=new.example"
    );
    assert_eq!(counter(&server, "ssl_context_update_by_sds"), 1);
    talk(&mut accepted.transport, &mut end).await;
}

#[tokio::test]
async fn links_that_lead_elsewhere() {
    let ca = Ca::new("root");
    let (old, new) = (ca.issue("old.example"), ca.issue("new.example"));
    let folder = TempDir::new().expect("a folder");
    // As Kubernetes mounts secrets: files lead through `..data` to a folder of a date.
    for (name, identity) in [("..1", &old), ("..2", &new)] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        write(&folder.path().join(name), identity, &ca);
    }
    let data = folder.path().join("..data");
    symlink("..1", &data).expect("a link");
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        symlink(format!("..data/{name}"), folder.path().join(name)).expect("a link");
    }
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    let client = client(Some(&old), Some(ca.validation()), |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=old.example"
    );
    let next = folder.path().join("..data_tmp");
    symlink("..2", &next).expect("a link");
    fs::rename(&next, &data).expect("renamed");
    look_twice(&contexts);
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=new.example"
    );
}

#[tokio::test]
async fn bad_files_change_nothing_until_they_are_mended() {
    let ca = Ca::new("root");
    let (old, new) = (ca.issue("old.example"), ca.issue("new.example"));
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), &old, &ca);
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    let client = client(Some(&old), Some(ca.validation()), |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());

    // The key of another certificate; no PEM; nothing at all.
    fs::write(folder.path().join("tls.key"), &new.key).expect("written");
    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_failed"), 1);
    fs::write(folder.path().join("tls.crt"), "garbage").expect("written");
    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_failed"), 2);
    fs::remove_file(folder.path().join("ca.crt")).expect("removed");
    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_failed"), 3);
    // What is known to be bad is not tried again.
    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_failed"), 3);
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=old.example"
    );

    write(folder.path(), &new, &ca);
    look_twice(&contexts);
    assert_eq!(counter(&server, "ssl_context_update_by_sds"), 1);
    assert_eq!(
        shown(&handshakes, &server, &client).await,
        "O=Greeters,CN=new.example"
    );
}

#[tokio::test]
async fn no_session_outlives_the_authority_it_was_made_under() {
    let (ca, other) = (Ca::new("root"), Ca::new("another"));
    let identity = ca.issue("greeter.example");
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), &identity, &ca);
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    let caller = client(
        Some(&ca.issue("caller.example")),
        Some(ca.validation()),
        |_| {},
    );
    let handshakes = Handshakes::new(HandshakeLimits::default());
    for resumed in [0, 1] {
        let (mut accepted, mut end, _) = meet(&handshakes, &server, &caller).await.agreed();
        // Brings the tickets.
        talk(&mut accepted.transport, &mut end).await;
        assert_eq!(handshakes.stats().session_reused.value(), resumed);
        // A resumed session tells who is there all the same.
        assert!(accepted.info.verified_peer().is_some());
    }
    fs::write(folder.path().join("ca.crt"), &other.pem).expect("written");
    look_twice(&contexts);
    let met = meet(&handshakes, &server, &caller).await;
    let error = met
        .server
        .expect_err("it is not trusted any more")
        .to_string();
    assert!(error.contains("leads to no trusted authority"), "{error}");
    assert_eq!(handshakes.stats().session_reused.value(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_handshake_fails() {
    let ca = Ca::new("root");
    let identities = [ca.issue("one.example"), ca.issue("two.example")];
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), &identities[0], &ca);
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let callers = (0..4).map(|_| {
        let (server, handshakes) = (server.clone(), handshakes.clone());
        let caller = client(Some(&identities[0]), Some(ca.validation()), |_| {});
        tokio::spawn(async move {
            for _ in 0..50 {
                let (mut accepted, mut end, _) = meet(&handshakes, &server, &caller).await.agreed();
                talk(&mut accepted.transport, &mut end).await;
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut turn = 0;
    loop {
        turn += 1;
        write(folder.path(), &identities[turn % 2], &ca);
        look_twice(&contexts);
        if callers.iter().all(|caller| caller.is_finished()) {
            break;
        }
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.expect("no handshake fails");
    }
    assert_eq!(counter(&server, "ssl_context_update_failed"), 0);
    assert!(counter(&server, "ssl_context_update_by_sds") > 0);
    assert_eq!(handshakes.stats().handshake.value(), 200);
    assert_eq!(handshakes.under_way(), 0);
}

#[tokio::test]
async fn the_watch_looks_by_itself_and_forgets_what_is_gone() {
    let ca = Ca::new("root");
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), &ca.issue("old.example"), &ca);
    let contexts = TlsContexts::new();
    let server = server(&contexts, folder.path()).expect("good files");
    assert!(contexts.first_expiry().is_some());
    write(folder.path(), &ca.issue("new.example"), &ca);
    let watch = contexts.watch(std::time::Duration::from_millis(1));
    let updated = async {
        while counter(&server, "ssl_context_update_by_sds") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = watch => panic!("it never ends by itself"),
        () = updated => {}
    }
    drop(server);
    assert_eq!(contexts.first_expiry(), None);
}

#[test]
fn what_is_wrong_with_files_is_told() {
    let ca = Ca::new("root");
    let (one, two) = (ca.issue("one.example"), ca.issue("two.example"));
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().to_owned();
    let error = |change: &dyn Fn()| {
        write(&path, &one, &ca);
        change();
        let error = server(&TlsContexts::new(), &path).expect_err("bad files");
        error.to_string().replace(&path.display().to_string(), "F")
    };
    let put = |name: &str, text: &str| fs::write(path.join(name), text).expect("written");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases: [(&dyn Fn(), &str); 6] = [
        (
            &|| put("tls.key", &two.key),
            "the private key in F/tls.key: it does not belong to the certificate in F/tls.crt",
        ),
        (
            &|| put("tls.key", encrypted),
            "the private key in F/tls.key: encrypted keys are not supported",
        ),
        (
            &|| put("tls.key", &one.chain),
            "the private key in F/tls.key: there is none in it, as PEM",
        ),
        (
            &|| put("tls.crt", ""),
            "the certificate chain in F/tls.crt: there is none in it, as PEM",
        ),
        (
            &|| {
                put(
                    "ca.crt",
                    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                )
            },
            "the trusted CA in F/ca.crt: ",
        ),
        (
            &|| fs::remove_file(path.join("ca.crt")).expect("removed"),
            "cannot read the trusted CA from F/ca.crt: No such file",
        ),
    ];
    for (change, expected) in cases {
        let error = error(change);
        assert!(error.starts_with(expected), "{error}");
    }
}
