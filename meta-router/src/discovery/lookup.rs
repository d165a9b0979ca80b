//! Asking for the addresses of one name, of one family or both.

use std::{net::IpAddr, time::Duration};

use futures_util::future::join;

use super::resolve::{DnsAnswer, DnsError, DnsQuery, IpFamily, Resolve};
use crate::endpoints::{DnsConfig, LookupFamily};

/// The last good answers for one name: that one family cannot be asked for takes
/// nothing away from what is known of it.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

impl Lookup {
    /// The addresses of `name`; none where it has none.
    pub(super) async fn ask(
        &mut self,
        resolver: &dyn Resolve,
        name: &str,
        config: &DnsConfig,
    ) -> Result<DnsAnswer, DnsError> {
        let query = |family| {
            resolver.resolve(DnsQuery {
                name,
                family,
                resolvers: &config.resolvers,
            })
        };
        match config.family {
            LookupFamily::V4Only => query(IpFamily::V4).await,
            LookupFamily::V6Only => query(IpFamily::V6).await,
            LookupFamily::All => {
                let (v4, v6) = join(query(IpFamily::V4), query(IpFamily::V6)).await;
                self.both(v4, v6)
            }
            LookupFamily::Auto => match self.first(IpFamily::V6, query(IpFamily::V6).await) {
                Some(answer) => answer,
                None => query(IpFamily::V4).await,
            },
            LookupFamily::V4Preferred => {
                match self.first(IpFamily::V4, query(IpFamily::V4).await) {
                    Some(answer) => answer,
                    None => query(IpFamily::V6).await,
                }
            }
        }
    }

    /// The answer of the family that is preferred, if that settles it. A failure does
    /// where the family had addresses before: the other is not to take their place
    /// because of it.
    fn first(
        &mut self,
        family: IpFamily,
        answer: Result<DnsAnswer, DnsError>,
    ) -> Option<Result<DnsAnswer, DnsError>> {
        let known = self.known(family);
        match answer {
            Ok(answer) => {
                known.clone_from(&answer.addresses);
                (!answer.addresses.is_empty()).then_some(Ok(answer))
            }
            Err(error) => (!known.is_empty()).then_some(Err(error)),
        }
    }

    fn both(
        &mut self,
        v4: Result<DnsAnswer, DnsError>,
        v6: Result<DnsAnswer, DnsError>,
    ) -> Result<DnsAnswer, DnsError> {
        let mut all = DnsAnswer {
            addresses: Vec::new(),
            ttl: Duration::MAX,
        };
        let mut failure = None;
        for (family, answer) in [(IpFamily::V4, v4), (IpFamily::V6, v6)] {
            let known = self.known(family);
            match answer {
                Ok(answer) => {
                    // An empty answer's says nothing of the addresses.
                    if !answer.addresses.is_empty() {
                        all.ttl = all.ttl.min(answer.ttl);
                    }
                    *known = answer.addresses;
                }
                Err(error) => failure = failure.or(Some(error)),
            }
            all.addresses.extend_from_slice(known);
        }
        match failure {
            // Nothing was heard of what there is.
            Some(error) if all.ttl == Duration::MAX => Err(error),
            _ => Ok(all),
        }
    }

    fn known(&mut self, family: IpFamily) -> &mut Vec<IpAddr> {
        match family {
            IpFamily::V4 => &mut self.v4,
            IpFamily::V6 => &mut self.v6,
        }
    }
}
