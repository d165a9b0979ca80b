//! meta-proxy with a codec and a filter of one's own.

fn main() -> std::process::ExitCode {
    meta_proxy::cli::main(|registry| {
        registry.codec(codec_parcel::Parcel)?;
        registry.filter(filter_fair_share::FairShare)?;
        Ok(())
    })
}
