//! The certificates of a run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::SERVER_NAME;

/// An authority, and the certificate that proxies and the echo server share; keys are
/// of the curve P-256.
#[derive(Clone, Debug)]
pub(crate) struct Pki {
    /// PEM file of the authority.
    pub(crate) authority: PathBuf,
    /// PEM file of the certificate.
    pub(crate) certificate: PathBuf,
    /// PEM file of the certificate's key.
    pub(crate) key: PathBuf,
    /// PEM file of the certificate and its key, as HAProxy wants them.
    pub(crate) both: PathBuf,
}

impl Pki {
    /// Makes new ones, and puts them into `directory`.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Benchmark");
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        params
            .distinguished_name
            .push(DnType::CommonName, SERVER_NAME);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        let key = key.serialize_pem();

        let directory = directory.canonicalize()?;
        let write = |name: &str, text: &str| {
            let file = directory.join(name);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            anyhow::Ok(file)
        };
        Ok(Self {
            authority: write("ca.crt", &authority)?,
            certificate: write("echo.crt", &certificate)?,
            key: write("echo.key", &key)?,
            both: write("echo.pem", &format!("{certificate}{key}"))?,
        })
    }

    /// `transport_socket` of a listener, for Envoy and for us: a YAML mapping in flow
    /// style, on one line.
    pub(crate) fn listener_socket(&self) -> String {
        let certificate = format!(
            "tls_certificates: [{{certificate_chain: {{filename: {}}}, private_key: {{filename: {}}}}}]",
            quoted(&self.certificate),
            quoted(&self.key),
        );
        socket("DownstreamTlsContext", "", &certificate)
    }

    /// The same of a cluster, whose servers are verified.
    pub(crate) fn cluster_socket(&self) -> String {
        let authority = format!(
            "validation_context: {{trusted_ca: {{filename: {}}}}}",
            quoted(&self.authority)
        );
        let name = format!("sni: {SERVER_NAME}, ");
        socket("UpstreamTlsContext", &name, &authority)
    }
}

fn socket(context: &str, name: &str, what: &str) -> String {
    // Envoy speaks TLS 1.2 to servers unless told otherwise.
    let params = "tls_params: {tls_minimum_protocol_version: TLSv1_3, \
                  tls_maximum_protocol_version: TLSv1_3}";
    format!(
        "{{name: envoy.transport_sockets.tls, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{context}, \
         {name}common_tls_context: {{{params}, {what}}}}}}}"
    )
}

/// A path as YAML takes it, whatever is in it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}
