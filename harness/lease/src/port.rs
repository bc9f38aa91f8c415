//! Reserves a free TCP port for a child process.
//!
//! A reservation does not bind the port, because then a child could not bind it without
//! `SO_REUSEADDR`. Instead, it binds an abstract Unix socket with the number in its name, which
//! tells other reservations that the port is taken. The kernel removes this socket when the process
//! dies. Reserved ports are outside the kernel's ephemeral range, from which the kernel takes ports
//! for connections and for a bind to port 0.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr as TcpAddress};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use socket2::{Domain, Socket, Type};

/// The first port that can be reserved. Many well-known services use lower ports.
const FIRST: u16 = 10_000;
/// The file with the first and the last ephemeral port.
const EPHEMERAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A reserved port on 127.0.0.1.
#[derive(Debug)]
#[must_use = "dropping it releases the port"]
pub struct Reservation {
    _mark: UnixDatagram,
    port: u16,
}

impl Reservation {
    /// Reserves a free port.
    ///
    /// # Errors
    /// If no port is free.
    pub fn new() -> io::Result<Self> {
        let ports = candidates(ephemeral_range());
        let start = usize::from(uuid::Uuid::new_v4().as_fields().1) % ports.len();
        let (before, after) = ports.split_at(start);
        let reserved = after.iter().chain(before).find_map(|port| Self::try_port(*port));
        reserved.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Reserves a port; `None` if it is not free.
    fn try_port(port: u16) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("spanproof-port-{port}")).ok()?;
        let mark = UnixDatagram::bind_addr(&name).ok()?;
        is_free(port).then_some(Self { _mark: mark, port })
    }

    /// Returns the number of the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Returns whether a program can bind the port on every IPv4 address and, if the machine has IPv6,
/// on every IPv6 address.
fn is_free(port: u16) -> bool {
    let bind = |domain, address: IpAddr| {
        let socket = Socket::new(domain, Type::STREAM, None)?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(true)?;
        }
        socket.bind(&TcpAddress::from((address, port)).into())
    };
    let is_taken = |error: io::Error| error.kind() == io::ErrorKind::AddrInUse;
    bind(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()).is_ok()
        && !bind(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()).is_err_and(is_taken)
}

/// Returns the first and the last ephemeral port; `None` if they can't be read.
fn ephemeral_range() -> Option<(u16, u16)> {
    let text = std::fs::read_to_string(EPHEMERAL_RANGE).ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// Returns the ports outside the ephemeral range, or all ports if fewer than 1,000 are outside it.
fn candidates(ephemeral: Option<(u16, u16)>) -> Vec<u16> {
    let all = FIRST..=u16::MAX;
    let is_ephemeral =
        |port: &u16| ephemeral.is_some_and(|(first, last)| (first..=last).contains(port));
    let outside: Vec<_> = all.clone().filter(|port| !is_ephemeral(port)).collect();
    if outside.len() < 1_000 { all.collect() } else { outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_can_bind_a_reserved_port_without_socket_options() {
        let reservation = Reservation::new().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address = TcpAddress::from((Ipv4Addr::LOCALHOST, reservation.port()));
        socket.bind(&address.into()).unwrap();
        socket.listen(1).unwrap();
    }

    #[test]
    fn a_reserved_port_is_not_reserved_again_until_it_is_released() {
        let first = Reservation::new().unwrap();
        assert!(Reservation::try_port(first.port()).is_none());
        let port = first.port();
        drop(first);
        assert!(Reservation::try_port(port).is_some());
    }

    #[test]
    fn a_port_that_another_program_uses_is_not_reserved() {
        let port = Reservation::new().unwrap().port();
        for address in ["127.0.0.1", "0.0.0.0", "::1"] {
            let listener = std::net::TcpListener::bind((address, port)).unwrap();
            assert!(Reservation::try_port(port).is_none(), "{address}");
            drop(listener);
        }
    }

    #[test]
    fn reserved_ports_are_not_ephemeral() {
        let (first, last) = ephemeral_range().unwrap();
        let ports = candidates(Some((32_768, 60_999)));
        assert!(ports.contains(&10_000) && ports.contains(&32_767) && ports.contains(&61_000));
        assert!(!ports.contains(&32_768) && !ports.contains(&60_999));
        assert_eq!(candidates(Some((1_024, 65_535))).len(), 55_536);
        let port = Reservation::new().unwrap().port();
        assert!(port < first || port > last);
    }
}
