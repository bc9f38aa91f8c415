//! Reserves a free TCP port for a child.
//!
//! The port stays bound here, without listening, until the reservation is dropped. The kernel never
//! assigns a bound port to a bind to port 0, but lets a program bind it explicitly with
//! `SO_REUSEADDR`, which every common server library sets on Unix.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A reserved port on 127.0.0.1.
#[derive(Debug)]
#[must_use = "dropping it releases the port"]
pub struct Reservation {
    _bound: Socket,
    port: u16,
}

impl Reservation {
    /// Reserves a free port.
    ///
    /// # Errors
    /// If no port is free or the socket can't be created.
    pub fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let bound = socket.local_addr()?.as_socket();
        let port = bound.map(|address| address.port()).unwrap_or_default();
        Ok(Self { _bound: socket, port })
    }

    /// Returns the number of the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_explicit_bind_gets_a_reserved_port() {
        let reservation = Reservation::new().unwrap();
        let child = std::net::TcpListener::bind(("127.0.0.1", reservation.port())).unwrap();
        for _ in 0..200 {
            assert_ne!(Reservation::new().unwrap().port(), reservation.port());
        }
        drop(child);
    }
}
