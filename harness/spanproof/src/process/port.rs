//! A free TCP port that nobody else can take before the child does.
//!
//! The port stays bound here, without listening, for as long as the reservation lives. The kernel
//! gives a bound port to nobody who asks for "any port", and still lets a program bind it that
//! sets `SO_REUSEADDR`, as every common server library does on Unix.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::Error;

/// A port on 127.0.0.1 that is kept for one child.
#[derive(Debug)]
#[must_use = "the port is free for all as soon as this is dropped"]
pub(crate) struct Reservation {
    _bound: Socket,
    port: u16,
}

impl Reservation {
    /// Takes a free port.
    ///
    /// # Errors
    /// When no port is free or sockets can't be made.
    pub(crate) fn take() -> Result<Self, Error> {
        let reserve = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let bound = socket.local_addr()?.as_socket();
            let port = bound.map(|address| address.port()).unwrap_or_default();
            Ok(Self { _bound: socket, port })
        };
        reserve().map_err(Error::system("a free port could not be reserved on 127.0.0.1"))
    }

    /// The port's number.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_can_listen_on_a_reserved_port_and_nobody_is_given_it() {
        let reservation = Reservation::take().unwrap();
        let child = std::net::TcpListener::bind(("127.0.0.1", reservation.port())).unwrap();
        for _ in 0..200 {
            assert_ne!(Reservation::take().unwrap().port(), reservation.port());
        }
        drop(child);
    }
}
