//! A call that nobody made: what routes would see of it.

use std::{borrow::Cow, net::SocketAddr};

use meta_core::{ConnectionAttribute, MessageKind, Metadata, WireId};

/// A call, and the connection it would come by.
pub(crate) struct Call {
    metadata: Metadata,
    /// What is said of the connection; of one that is said twice the last counts.
    connection: Vec<(ConnectionAttribute, String)>,
}

impl Call {
    pub(crate) fn new(is_one_way: bool) -> Self {
        let kind = match is_one_way {
            true => MessageKind::OneWay,
            false => MessageKind::Request,
        };
        Self {
            metadata: Metadata::new(kind, WireId(1)),
            connection: Vec::new(),
        }
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn is_one_way(&self) -> bool {
        self.metadata.kind == MessageKind::OneWay
    }

    /// Adds an attribute of the connection, where the name is that of one, or of the
    /// message.
    ///
    /// # Errors
    ///
    /// Where no connection says so.
    pub(crate) fn attribute(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some(attribute) = ConnectionAttribute::of_name(name) else {
            self.header(name, value);
            return Ok(());
        };
        use ConnectionAttribute as Attribute;
        let wanted = match attribute {
            Attribute::Mtls if !["true", "false"].contains(&value) => Some("true or false"),
            Attribute::SourcePort | Attribute::DestinationPort if value.parse::<u16>().is_err() => {
                Some("a port")
            }
            _ if is_of_certificate(attribute) && value.is_empty() => {
                Some("some text; leave it out where there is none")
            }
            _ => None,
        };
        if let Some(wanted) = wanted {
            return Err(format!("{name}: expected {wanted}, found {value:?}"));
        }
        self.connection.push((attribute, value.to_owned()));
        let says = |attribute| self.said(attribute);
        let names_peer = self.connection.iter().any(|(it, _)| is_of_certificate(*it));
        if names_peer && says(Attribute::Mtls) == Some("false") {
            let text = "only connections with a verified certificate have what is in it, and those \
                        have connection.mtls=true";
            return Err(format!("{name}: {text}"));
        }
        Ok(())
    }

    /// Adds an attribute of the message, whatever its name: what a client says itself.
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        let attributes = &mut self.metadata.attributes;
        attributes.insert(name.to_owned(), value.to_owned());
    }

    /// What the connection says; what follows from the rest need not be told.
    pub(crate) fn of_connection(&self, attribute: ConnectionAttribute) -> Option<Cow<'_, str>> {
        use ConnectionAttribute as Attribute;
        if let Some(value) = self.said(attribute) {
            return Some(Cow::Borrowed(value));
        }
        match attribute {
            Attribute::Mtls => {
                let names_peer = self.connection.iter().any(|(it, _)| is_of_certificate(*it));
                Some(Cow::Borrowed(if names_peer { "true" } else { "false" }))
            }
            Attribute::SourcePort => port(self.said(Attribute::SourceAddress)?),
            Attribute::DestinationPort => port(self.said(Attribute::DestinationAddress)?),
            _ => None,
        }
    }

    fn said(&self, attribute: ConnectionAttribute) -> Option<&str> {
        let mut said = self.connection.iter().rev();
        said.find_map(|(own, value)| (*own == attribute).then_some(value.as_str()))
    }
}

fn port(address: &str) -> Option<Cow<'static, str>> {
    let address: SocketAddr = address.parse().ok()?;
    Some(address.port().to_string().into())
}

/// Whether it is read off the client's certificate.
fn is_of_certificate(attribute: ConnectionAttribute) -> bool {
    use ConnectionAttribute as Attribute;
    matches!(
        attribute,
        Attribute::SubjectPeerCertificate
            | Attribute::DnsSanPeerCertificate
            | Attribute::UriSanPeerCertificate
            | Attribute::Sha256PeerCertificateDigest
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(attributes: &[(&str, &str)]) -> Result<Call, String> {
        let mut call = Call::new(false);
        for (name, value) in attributes {
            call.attribute(name, value)?;
        }
        Ok(call)
    }

    #[test]
    fn what_connections_say_follows_from_what_is_said() {
        let uri = ("connection.uri_san_peer_certificate", "spiffe://a");
        for (said, name, expected) in [
            (&[][..], "connection.mtls", Some("false")),
            (&[uri], "connection.mtls", Some("true")),
            (
                &[uri],
                "Connection.URI_san_peer_certificate",
                Some("spiffe://a"),
            ),
            (&[uri], "connection.subject_peer_certificate", None),
            (&[("source.address", "[::1]:80")], "source.port", Some("80")),
            (&[("source.address", "@name")], "source.port", None),
            (
                &[("source.port", "1"), ("source.port", "2")],
                "source.port",
                Some("2"),
            ),
            (&[], "source.address", None),
        ] {
            let call = call(said).expect("it can be");
            let attribute = ConnectionAttribute::of_name(name).expect("it is one");
            let value = call.of_connection(attribute);
            assert_eq!(value.as_deref(), expected, "{said:?} {name}");
        }
    }

    #[test]
    fn what_no_connection_says() {
        let mtls = |value| ("connection.mtls", value);
        let subject = ("connection.subject_peer_certificate", "CN=x");
        for said in [
            &[mtls("yes")][..],
            &[("source.port", "65536")],
            &[("connection.subject_peer_certificate", "")],
            &[mtls("false"), subject],
            &[subject, mtls("false")],
        ] {
            let error = call(said).err();
            assert!(error.is_some_and(|text| text.contains(said[said.len() - 1].0)));
        }
        assert!(call(&[subject, mtls("true")]).is_ok());
    }

    #[test]
    fn a_header_is_of_the_message() {
        let mut call = Call::new(false);
        call.header("connection.mtls", "true");
        let mtls = call.of_connection(ConnectionAttribute::Mtls);
        assert_eq!(mtls.as_deref(), Some("false"));
        assert_eq!(call.metadata().get("connection.mtls"), Some("true"));
    }
}
