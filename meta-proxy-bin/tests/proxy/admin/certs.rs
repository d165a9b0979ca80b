//! `/certs`.

use meta_proxy::{
    meta_core::Address,
    meta_tls::{CertificateConfig, CertificateSource, DataSource, ServerTlsConfig, TlsConfig},
};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use crate::{
    http::get_async,
    toy::{Server, loopback, proxy, snapshot},
};

#[tokio::test]
async fn own_certificates_are_shown_and_no_key() {
    let names = ["greeter.test".to_owned(), "10.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params.not_after = rcgen::date_time_ymd(4000, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let inline = |text: String| DataSource::Inline(text.into_bytes());
    let mut tls = TlsConfig::default();
    tls.certificates = vec![CertificateSource::from(CertificateConfig {
        chain: inline(certificate.pem()),
        key: inline(key.serialize_pem()),
    })];
    let server = Server::start("v1").await;
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].chains[0].tls = Some(ServerTlsConfig::new(tls));
    let builder = proxy(&server).snapshot(snapshot).admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running
        .handle()
        .admin_address()
        .and_then(Address::socket_addr);
    let page = get_async(admin.expect("it has an admin"), "/certs")
        .await
        .body;
    assert!(!page.contains("KEY"), "{page}");
    let page: Value = serde_json::from_str(&page).expect("it is JSON");
    let chain = page["certificates"][0]["cert_chain"]
        .as_array()
        .expect("a list");
    assert_eq!(chain.len(), 1);
    assert_eq!(chain[0]["path"], "inline bytes");
    assert_eq!(chain[0]["subject_alt_names"][0]["dns"], "greeter.test");
    assert_eq!(chain[0]["subject_alt_names"][1]["ip_address"], "10.0.0.1");
    assert_eq!(chain[0]["expiration_time"], "4000-01-01T00:00:00Z");
    let days = chain[0]["days_until_expiration"]
        .as_str()
        .expect("it is text");
    assert!(days.parse::<u64>().expect(days) > 700_000, "{days}");
    let stats = running.handle().stats();
    let known = stats.gauge("server.days_until_first_cert_expiring");
    assert_eq!(known.to_string(), days);
}
