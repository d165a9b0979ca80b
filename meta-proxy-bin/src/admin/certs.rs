//! `/certs`: the certificates in force.

use std::time::SystemTime;

use jiff::Timestamp;
use meta_tls::{CertificateInfo, SanKind};
use serde_json::{Value, json};

use super::pages::{Effect, Page, json};

pub(super) const CERTS: Page = Page {
    path: "/certs",
    effect: Effect::None,
    text: "the proxy's own certificates, in JSON",
    queries: &[],
    answer: |asked| {
        let chains = asked.shared.plan.tls.certificates().into_iter();
        let certificates = chains.map(|chain| {
            let chain: Vec<_> = chain.iter().map(details).collect();
            json!({ "cert_chain": chain })
        });
        let certificates: Vec<_> = certificates.collect();
        Ok(json(&json!({ "certificates": certificates })))
    },
};

/// `envoy.admin.v3.CertificateDetails`.
fn details(certificate: &CertificateInfo) -> Value {
    const DAY: u64 = 24 * 60 * 60;
    let left = certificate.expires.duration_since(SystemTime::now());
    let days = left.map_or(0, |left| left.as_secs() / DAY);
    let names = certificate.alt_names.iter();
    let names = names.filter_map(|(kind, name)| match kind {
        SanKind::Dns => Some(json!({ "dns": name })),
        SanKind::Uri => Some(json!({ "uri": name })),
        SanKind::Ip => Some(json!({ "ip_address": name })),
        _ => None,
    });
    json!({
        "path": &*certificate.source,
        "serial_number": certificate.serial,
        "subject_alt_names": names.collect::<Vec<_>>(),
        // 64 bits are text in JSON.
        "days_until_expiration": days.to_string(),
        "valid_from": time(certificate.valid_from),
        "expiration_time": time(certificate.expires),
    })
}

fn time(at: SystemTime) -> Value {
    let at = Timestamp::try_from(at).ok();
    at.map(|at| at.to_string()).into()
}
