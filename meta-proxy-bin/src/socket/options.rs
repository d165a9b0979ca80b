//! What the system is told of a TCP socket.

use std::{io, net::SocketAddr};

use meta_rds::{Keepalive, SocketOption, SocketSettings};
use socket2::{SockRef, Socket, TcpKeepalive};

/// Tells the system all of it. Connections have from their listener what concerns them.
pub(super) fn apply(
    socket: &Socket,
    address: SocketAddr,
    settings: &SocketSettings,
) -> io::Result<()> {
    if settings.transparent {
        set_transparent(socket, address, true)?;
    }
    if settings.freebind {
        set_freebind(socket, address, true)?;
    }
    if let Some(keepalive) = &settings.keepalive {
        set_keepalive(socket, keepalive)?;
    }
    for option in &settings.options {
        set(socket, address, *option).map_err(|error| {
            io::Error::new(error.kind(), format!("socket option {option:?}: {error}"))
        })?;
    }
    Ok(())
}

fn set(socket: &Socket, address: SocketAddr, option: SocketOption) -> io::Result<()> {
    // Setting one of its numbers switches keepalive on, which is another option.
    let probes = |keepalive: TcpKeepalive| {
        let is_on = socket.keepalive()?;
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_keepalive(is_on)
    };
    match option {
        SocketOption::Keepalive(on) => socket.set_keepalive(on),
        SocketOption::KeepaliveTime(time) => probes(TcpKeepalive::new().with_time(time)),
        SocketOption::KeepaliveInterval(time) => probes(TcpKeepalive::new().with_interval(time)),
        SocketOption::KeepaliveProbes(count) => probes(TcpKeepalive::new().with_retries(count)),
        SocketOption::NoDelay(on) => socket.set_tcp_nodelay(on),
        SocketOption::SendBuffer(bytes) => socket.set_send_buffer_size(bytes),
        SocketOption::ReceiveBuffer(bytes) => socket.set_recv_buffer_size(bytes),
        SocketOption::ReuseAddress(on) => socket.set_reuse_address(on),
        SocketOption::ReusePort(on) => socket.set_reuse_port(on),
        SocketOption::TypeOfService(value) => socket.set_tos_v4(value),
        SocketOption::TimeToLive(hops) => socket.set_ttl_v4(hops),
        SocketOption::HopLimit(hops) => socket.set_unicast_hops_v6(hops),
        SocketOption::OnlyV6(on) => socket.set_only_v6(on),
        SocketOption::Transparent(on) => set_transparent(socket, address, on),
        SocketOption::Freebind(on) => set_freebind(socket, address, on),
        other => set_of_linux(socket, other),
    }
}

#[cfg(target_os = "linux")]
fn set_of_linux(socket: &Socket, option: SocketOption) -> io::Result<()> {
    match option {
        SocketOption::UserTimeout(time) => socket.set_tcp_user_timeout(Some(time)),
        SocketOption::MaxSegment(bytes) => socket.set_tcp_mss(bytes),
        SocketOption::Priority(priority) => socket.set_priority(priority),
        SocketOption::Mark(mark) => socket.set_mark(mark),
        SocketOption::TrafficClass(class) => socket.set_tclass_v6(class),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(target_os = "linux")]
fn set_transparent(socket: &Socket, address: SocketAddr, on: bool) -> io::Result<()> {
    match address.is_ipv4() {
        true => socket.set_ip_transparent_v4(on),
        false => socket.set_ip_transparent_v6(on),
    }
}

#[cfg(target_os = "linux")]
fn set_freebind(socket: &Socket, address: SocketAddr, on: bool) -> io::Result<()> {
    match address.is_ipv4() {
        true => socket.set_freebind_v4(on),
        false => socket.set_freebind_v6(on),
    }
}

#[cfg(not(target_os = "linux"))]
fn set_of_linux(_: &Socket, _: SocketOption) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn set_transparent(_: &Socket, _: SocketAddr, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn set_freebind(_: &Socket, _: SocketAddr, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn set_keepalive(socket: &Socket, keepalive: &Keepalive) -> io::Result<()> {
    let mut probes = TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        probes = probes.with_time(time);
    }
    if let Some(interval) = keepalive.interval {
        probes = probes.with_interval(interval);
    }
    if let Some(count) = keepalive.probes {
        probes = probes.with_retries(count);
    }
    SockRef::from(socket).set_tcp_keepalive(&probes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use socket2::{Domain, Type};

    use super::*;

    fn with(settings: &SocketSettings) -> io::Result<Socket> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        apply(&socket, address, settings)?;
        Ok(socket)
    }

    #[test]
    fn keepalive_is_as_asked() {
        let mut settings = SocketSettings::default();
        let mut keepalive = Keepalive::default();
        keepalive.probes = Some(3);
        keepalive.time = Some(Duration::from_secs(40));
        settings.keepalive = Some(keepalive);
        let socket = with(&settings).expect("it is set");
        assert!(socket.keepalive().expect("it is known"));
        let time = socket.tcp_keepalive_time().expect("it is known");
        assert_eq!(time, Duration::from_secs(40));
        assert_eq!(socket.tcp_keepalive_retries().expect("it is known"), 3);
    }

    #[test]
    fn options_are_set_one_by_one() {
        let mut settings = SocketSettings::default();
        settings.options = vec![
            SocketOption::KeepaliveTime(Duration::from_secs(41)),
            SocketOption::KeepaliveInterval(Duration::from_secs(7)),
            SocketOption::TypeOfService(16),
            SocketOption::UserTimeout(Duration::from_millis(1500)),
        ];
        let socket = with(&settings).expect("they are set");
        assert!(!socket.keepalive().expect("it is known"));
        let time = socket.tcp_keepalive_time().expect("it is known");
        assert_eq!(time, Duration::from_secs(41));
        assert_eq!(socket.tos_v4().expect("it is known"), 16);
        let timeout = socket.tcp_user_timeout().expect("it is known");
        assert_eq!(timeout, Some(Duration::from_millis(1500)));
        settings.options.push(SocketOption::Keepalive(true));
        let socket = with(&settings).expect("they are set");
        assert!(socket.keepalive().expect("it is known"));
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        let mut settings = SocketSettings::default();
        settings.options = vec![SocketOption::TimeToLive(1_000)];
        let error = with(&settings).expect_err("there are no so many hops");
        assert!(error.to_string().contains("TimeToLive(1000)"), "{error}");
    }
}
