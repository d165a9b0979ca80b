//! Servers of the same process.

use std::{collections::HashMap, io};

use meta_proxy::{
    MemoryConnector,
    meta_core::{Address, BoxFuture},
    meta_router::{Connect, Connected},
};

/// Connects to servers that listen within the process. Their addresses are names,
/// and reach nothing.
#[derive(Debug, Default)]
pub struct InProcess {
    /// Each by its address.
    pub servers: HashMap<Address, MemoryConnector>,
}

impl Connect for InProcess {
    fn connect<'a>(&'a self, address: &'a Address) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(async move {
            let server = self.servers.get(address);
            let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(Connected {
                transport: Box::new(server.connect().await?),
                local: None,
            })
        })
    }
}
