//! The messages of our own packages, as generated from `proto/`.
//!
//! `cargo run -p meta-rds --example regenerate` writes them anew.

#![allow(
    deprecated,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    rustdoc::bare_urls,
    reason = "generated"
)]

/// The packages of `aeraki`.
pub mod aeraki {
    /// The network filter and what it is told.
    pub mod meta_protocol_proxy {
        /// The admin's dumps.
        pub mod admin {
            pub mod v1alpha {
                include!("proto/aeraki.meta_protocol_proxy.admin.v1alpha.rs");
            }
        }
        /// Parts of the configuration.
        pub mod config {
            /// Routes.
            pub mod route {
                pub mod v1alpha {
                    include!("proto/aeraki.meta_protocol_proxy.config.route.v1alpha.rs");
                }
            }
        }
        /// The filters.
        pub mod filters {
            /// Istio's metrics.
            pub mod istio_stats {
                pub mod v1alpha {
                    include!("proto/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.rs");
                }
            }
            /// Rate limits kept in the process.
            pub mod local_ratelimit {
                pub mod v1alpha {
                    include!("proto/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.rs");
                }
            }
            /// What the proxies of a call tell each other.
            pub mod metadata_exchange {
                pub mod v1alpha {
                    include!(
                        "proto/aeraki.meta_protocol_proxy.filters.metadata_exchange.v1alpha.rs"
                    );
                }
            }
            /// Rate limits kept by a service.
            pub mod ratelimit {
                pub mod v1alpha {
                    include!("proto/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.rs");
                }
            }
            /// The last filter.
            pub mod router {
                pub mod v1alpha {
                    include!("proto/aeraki.meta_protocol_proxy.filters.router.v1alpha.rs");
                }
            }
        }
        pub mod v1alpha {
            include!("proto/aeraki.meta_protocol_proxy.v1alpha.rs");
        }
    }
}

/// The older home of `TypedStruct`.
pub mod udpa {
    /// Its package.
    pub mod r#type {
        pub mod v1 {
            include!("proto/udpa.type.v1.rs");
        }
    }
}

/// The newer home of `TypedStruct`.
pub mod xds {
    /// Its package.
    pub mod r#type {
        pub mod v3 {
            include!("proto/xds.type.v3.rs");
        }
    }
}
