//! The calls made: all of a request's body except the argument.

use std::sync::LazyLock;

use super::super::hessian;

/// Arguments from this length on go to the interface with the ordinary name.
const LONG: usize = 256;
const PROTOCOL_VERSION: &str = "2.0.2";
const SERVICE_VERSION: &str = "0.0.0";
const PARAMETER_TYPES: &str = "Ljava/lang/String;";
/// In milliseconds: longer than any call here takes.
const TIMEOUT: &str = "10000";

/// The calls made, for short and for long arguments.
pub(super) static CALLS: LazyLock<[Call; 2]> = LazyLock::new(|| {
    [
        Call::new("rpc.Echo", "echo", None),
        Call::new(
            "org.apache.dubbo.demo.GreetingService",
            "sayHello",
            Some("demo-consumer"),
        ),
    ]
});

/// A method called, and the bytes of a body around the argument.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) interface: &'static str,
    pub(super) method: &'static str,
    /// What stands in front of the argument.
    pub(super) before: Vec<u8>,
    /// The attachments.
    pub(super) after: Vec<u8>,
}

impl Call {
    fn new(
        interface: &'static str,
        method: &'static str,
        application: Option<&'static str>,
    ) -> Self {
        let mut before = Vec::new();
        let head = [
            PROTOCOL_VERSION,
            interface,
            SERVICE_VERSION,
            method,
            PARAMETER_TYPES,
        ];
        for text in head {
            hessian::write_str(text, &mut before);
        }
        let attachments = [
            ("path", interface),
            ("interface", interface),
            ("version", SERVICE_VERSION),
            ("timeout", TIMEOUT),
        ];
        let application = application.map(|name| ("remote.application", name));
        let mut after = vec![b'H'];
        for (key, value) in attachments.into_iter().chain(application) {
            hessian::write_str(key, &mut after);
            hessian::write_str(value, &mut after);
        }
        after.push(b'Z');
        Self {
            interface,
            method,
            before,
            after,
        }
    }

    /// The call that short arguments are sent with.
    pub(super) fn small() -> &'static Self {
        &CALLS[0]
    }

    /// The call that an argument of this length is sent with.
    pub(super) fn with_argument(len: usize) -> &'static Self {
        &CALLS[usize::from(len >= LONG)]
    }

    /// The length of the body that carries an argument of `len` characters.
    pub(super) fn body_len(&self, len: usize) -> usize {
        self.before.len() + hessian::encoded_len(len) + self.after.len()
    }

    /// The argument with which this call's body has `size` bytes.
    pub(super) fn argument_len(&'static self, size: usize) -> Option<usize> {
        let mut lens = (0..=size)
            .rev()
            .skip_while(|&len| self.body_len(len) > size);
        let len = lens.next()?;
        let exact = self.body_len(len) == size && std::ptr::eq(Self::with_argument(len), self);
        exact.then_some(len)
    }

    /// The encoded argument, if `body` belongs to this call.
    pub(super) fn argument<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        let mut argument = body
            .strip_prefix(&self.before[..])?
            .strip_suffix(&self.after[..])?;
        let encoded = hessian::take_encoded(&mut argument).ok()?;
        argument.is_empty().then_some(encoded)
    }
}
