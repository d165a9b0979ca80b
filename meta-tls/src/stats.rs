//! What is counted of TLS, under Envoy's names.

use meta_core::stats::{Cell, Counter};

use crate::error::{CertificateProblem, HandshakeError};

/// What the handshakes of a listener, or of a cluster, come to.
///
/// Exposed under `listener.<address>.ssl.` and `cluster.<name>.ssl.`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TlsStats {
    /// Handshakes that succeeded.
    pub handshake: Counter,
    /// Handshakes that failed, but for those that certificates were the reason of.
    pub connection_error: Counter,
    /// Of those that succeeded: sessions resumed.
    pub session_reused: Counter,
    /// Of those that succeeded: peers without a certificate.
    pub no_certificate: Counter,
    /// Clients refused because they presented no certificate.
    pub fail_verify_no_cert: Counter,
    /// Peers refused because their certificate failed verification.
    pub fail_verify_error: Counter,
    /// Peers refused because of the names of their certificate.
    pub fail_verify_san: Counter,
    /// Peers refused because their certificate is not pinned.
    pub fail_verify_cert_hash: Counter,
    /// Of the failures: peers that do not speak TLS. Not one of Envoy's.
    pub not_tls: Counter,
    /// Of the failures: handshakes that were not over in time. Not one of Envoy's,
    /// which has it as `downstream_cx_transport_socket_connect_timeout`.
    pub handshake_timeout: Counter,
    /// Of the failures: clients refused because of the bound on handshakes. Not one
    /// of Envoy's.
    pub handshake_overflow: Counter,
}

impl TlsStats {
    /// Shows each to `visit`, under its name from behind the listener's or the
    /// cluster's: `ssl.handshake`.
    pub fn visit(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let counters = [
            ("ssl.handshake", &self.handshake),
            ("ssl.connection_error", &self.connection_error),
            ("ssl.session_reused", &self.session_reused),
            ("ssl.no_certificate", &self.no_certificate),
            ("ssl.fail_verify_no_cert", &self.fail_verify_no_cert),
            ("ssl.fail_verify_error", &self.fail_verify_error),
            ("ssl.fail_verify_san", &self.fail_verify_san),
            ("ssl.fail_verify_cert_hash", &self.fail_verify_cert_hash),
            ("ssl.not_tls", &self.not_tls),
            ("ssl.handshake_timeout", &self.handshake_timeout),
            ("ssl.handshake_overflow", &self.handshake_overflow),
        ];
        for (name, counter) in counters {
            visit(name, Cell::Counter(counter));
        }
    }

    pub(crate) fn succeeded(&self, tls: &meta_core::TlsInfo) {
        self.handshake.inc();
        if tls.is_resumed {
            self.session_reused.inc();
        }
        if tls.peer.is_none() {
            self.no_certificate.inc();
        }
    }

    pub(crate) fn failed(&self, error: &HandshakeError) {
        match error {
            HandshakeError::NoClientCertificate => return self.fail_verify_no_cert.inc(),
            HandshakeError::Certificate(problem) => {
                return match problem {
                    CertificateProblem::San | CertificateProblem::WrongName => {
                        self.fail_verify_san.inc();
                    }
                    CertificateProblem::NotPinned => self.fail_verify_cert_hash.inc(),
                    _ => self.fail_verify_error.inc(),
                };
            }
            HandshakeError::NotTls => self.not_tls.inc(),
            HandshakeError::TimedOut(_) => self.handshake_timeout.inc(),
            HandshakeError::TooMany(_) => self.handshake_overflow.inc(),
            _ => {}
        }
        self.connection_error.inc();
    }
}

/// What becomes of the secrets of one context.
///
/// Exposed under `listener.<address>.server_ssl_socket_factory.` and
/// `cluster.<name>.client_ssl_socket_factory.`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SecretStats {
    /// Times that changed secrets were put in force.
    pub ssl_context_update_by_sds: Counter,
    /// Times that they could not be, so that the last good ones stayed. Not one of
    /// Envoy's.
    pub ssl_context_update_failed: Counter,
}

impl SecretStats {
    pub(crate) fn visit(&self, factory: &str, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let counters = [
            ("ssl_context_update_by_sds", &self.ssl_context_update_by_sds),
            ("ssl_context_update_failed", &self.ssl_context_update_failed),
        ];
        for (name, counter) in counters {
            visit(&format!("{factory}.{name}"), Cell::Counter(counter));
        }
    }
}
