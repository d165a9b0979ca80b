//! Whether a client begins with TLS, and what it asks for.

use std::sync::Arc;

use meta_core::stats::{Cell, Counter};
use meta_rds::TlsInspectorFilter;
use rustls::server::Acceptor;

use crate::arrival::{Arrival, Hello, LookError};

/// The first byte of a record that holds a ClientHello, and the second, which every
/// version has.
const HANDSHAKE: [u8; 2] = [22, 3];

/// Looks for TLS.
#[derive(Debug)]
pub(super) struct TlsInspector {
    config: TlsInspectorFilter,
    stats: TlsInspectorStats,
}

/// Exposed under `tls_inspector.`.
#[derive(Debug, Default)]
struct TlsInspectorStats {
    connection_closed: Counter,
    client_hello_too_large: Counter,
    tls_found: Counter,
    tls_not_found: Counter,
    alpn_found: Counter,
    alpn_not_found: Counter,
    sni_found: Counter,
    sni_not_found: Counter,
}

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsInspectorError {
    #[error("the client closed the connection before it was clear")]
    Closed,
    #[error("the ClientHello has more than {0} bytes")]
    TooLarge(usize),
    #[error("the ClientHello cannot be read: {0}")]
    Unreadable(rustls::Error),
    #[error(transparent)]
    Io(std::io::Error),
}

impl TlsInspector {
    pub(super) fn new(config: TlsInspectorFilter) -> Self {
        Self {
            config,
            stats: TlsInspectorStats::default(),
        }
    }

    pub(super) fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let stats = &self.stats;
        for (name, counter) in [
            ("tls_inspector.connection_closed", &stats.connection_closed),
            (
                "tls_inspector.client_hello_too_large",
                &stats.client_hello_too_large,
            ),
            ("tls_inspector.tls_found", &stats.tls_found),
            ("tls_inspector.tls_not_found", &stats.tls_not_found),
            ("tls_inspector.alpn_found", &stats.alpn_found),
            ("tls_inspector.alpn_not_found", &stats.alpn_not_found),
            ("tls_inspector.sni_found", &stats.sni_found),
            ("tls_inspector.sni_not_found", &stats.sni_not_found),
        ] {
            visit(name, Cell::Counter(counter));
        }
    }

    pub(super) async fn look_at(&self, arrival: &mut Arrival) -> Result<(), TlsInspectorError> {
        let mut reader = HelloReader::new();
        let max = self.config.max_hello_bytes;
        let looked = arrival.stream.look(max, |bytes| reader.read(bytes)).await;
        let stats = &self.stats;
        match looked {
            Ok(Found::Hello(hello)) => {
                stats.tls_found.inc();
                let (name, protocols) = (&hello.server_name, &hello.protocols);
                match name.is_some() {
                    true => stats.sni_found.inc(),
                    false => stats.sni_not_found.inc(),
                }
                match protocols.is_empty() {
                    false => stats.alpn_found.inc(),
                    true => stats.alpn_not_found.inc(),
                }
                arrival.hello = Some(hello);
                Ok(())
            }
            Ok(Found::NotTls) => {
                stats.tls_not_found.inc();
                Ok(())
            }
            Ok(Found::Unreadable(error)) => {
                stats.tls_not_found.inc();
                match self.config.close_on_error {
                    true => Err(TlsInspectorError::Unreadable(error)),
                    false => Ok(()),
                }
            }
            Err(LookError::Closed) => {
                stats.connection_closed.inc();
                Err(TlsInspectorError::Closed)
            }
            Err(LookError::TooLong(max)) => {
                stats.client_hello_too_large.inc();
                Err(TlsInspectorError::TooLarge(max))
            }
            Err(LookError::Io(error)) => {
                stats.connection_closed.inc();
                Err(TlsInspectorError::Io(error))
            }
        }
    }
}

/// What a connection begins with.
#[derive(Debug, PartialEq)]
enum Found {
    Hello(Hello),
    NotTls,
    Unreadable(rustls::Error),
}

/// Reads a ClientHello as it comes.
struct HelloReader {
    /// Made when there is something to read.
    acceptor: Option<Acceptor>,
    /// Bytes that it has.
    fed: usize,
}

impl HelloReader {
    fn new() -> Self {
        Self {
            acceptor: None,
            fed: 0,
        }
    }

    /// What `bytes` are, which begin with those given before; `None` where that is not
    /// clear yet.
    fn read(&mut self, bytes: &[u8]) -> Option<Found> {
        let begins = bytes.iter().zip(HANDSHAKE).all(|(own, tls)| *own == tls);
        if !begins {
            return Some(Found::NotTls);
        }
        if bytes.len() < HANDSHAKE.len() {
            return None;
        }
        let acceptor = self.acceptor.get_or_insert_default();
        let mut rest = bytes.get(self.fed..).unwrap_or_default();
        while !rest.is_empty() {
            let before = rest.len();
            // Reading from memory does not fail; what is too much for the acceptor is
            // refused below.
            if acceptor.read_tls(&mut rest).is_err() || rest.len() == before {
                break;
            }
            self.fed += before - rest.len();
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    return Some(Found::Hello(Hello {
                        server_name: hello.server_name().map(lower_case),
                        protocols: hello
                            .alpn()
                            .into_iter()
                            .flatten()
                            .filter_map(|name| std::str::from_utf8(name).ok())
                            .map(Into::into)
                            .collect(),
                    }));
                }
                Ok(None) => {}
                Err((error, _)) => return Some(Found::Unreadable(error)),
            }
        }
        None
    }
}

fn lower_case(name: &str) -> Arc<str> {
    name.to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};

    use super::*;

    /// The first bytes of a client.
    fn client_hello(name: &str, protocols: &[&str]) -> Vec<u8> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = name.to_owned().try_into().expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("it is configured");
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("memory takes it");
        bytes
    }

    fn hello(name: Option<&str>, protocols: &[&str]) -> Found {
        Found::Hello(Hello {
            server_name: name.map(Into::into),
            protocols: protocols.iter().map(|&p| p.into()).collect(),
        })
    }

    #[test]
    fn a_hello_in_pieces_is_a_hello() {
        let bytes = client_hello("Shop.Example", &["thrift", "h2"]);
        let expected = hello(Some("shop.example"), &["thrift", "h2"]);
        assert_eq!(HelloReader::new().read(&bytes), Some(expected));
        for split in 0..bytes.len() {
            let mut reader = HelloReader::new();
            assert_eq!(reader.read(&bytes[..split]), None, "{split}");
            let expected = hello(Some("shop.example"), &["thrift", "h2"]);
            assert_eq!(reader.read(&bytes), Some(expected), "{split}");
        }
        let mut reader = HelloReader::new();
        let each = (1..=bytes.len()).find_map(|length| reader.read(&bytes[..length]));
        assert_eq!(each, Some(hello(Some("shop.example"), &["thrift", "h2"])));
    }

    #[test]
    fn a_hello_in_several_records_is_a_hello() {
        let bytes = client_hello("shop.example", &[]);
        let (head, body) = bytes.split_at(5);
        let mut records = Vec::new();
        for part in body.chunks(7) {
            records.extend(&head[..3]);
            records.extend((part.len() as u16).to_be_bytes());
            records.extend(part);
        }
        let found = HelloReader::new().read(&records);
        assert_eq!(found, Some(hello(Some("shop.example"), &[])));
    }

    #[test]
    fn an_address_is_no_name() {
        let bytes = client_hello("127.0.0.1", &[]);
        assert_eq!(HelloReader::new().read(&bytes), Some(hello(None, &[])));
    }

    #[test]
    fn the_first_byte_tells_other_protocols() {
        for bytes in [&[0xda, 0xbb][..], b"\x80\x01\x00\x01", b"\0", b"GET / HTTP"] {
            assert_eq!(HelloReader::new().read(bytes), Some(Found::NotTls));
        }
        assert_eq!(HelloReader::new().read(&[]), None);
        let found = HelloReader::new().read(&[22, 3, 1, 0, 4, 9, 9, 9, 9]);
        assert!(matches!(found, Some(Found::Unreadable(_))), "{found:?}");
    }

    proptest! {
        #[test]
        fn bytes_of_whatever_kind_are_survived(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
            is_tls in any::<bool>(),
        ) {
            if is_tls {
                bytes.splice(0..0, [22, 3, 1]);
            }
            let mut reader = HelloReader::new();
            for length in 0..=bytes.len() {
                if reader.read(&bytes[..length]).is_some() {
                    break;
                }
            }
        }
    }
}
