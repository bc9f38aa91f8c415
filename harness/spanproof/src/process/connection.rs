//! Finds the socket at one end of a TCP connection on this machine. Asks the kernel for this one socket
//! over netlink (`sock_diag`), because `/proc/net/tcp` lists all sockets, and takes milliseconds to read. If
//! netlink can't be used, reads `/proc/net/tcp` and `/proc/net/tcp6`.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// `AF_NETLINK`, `SOCK_RAW` and `NETLINK_SOCK_DIAG`.
const NETLINK: (i32, i32, i32) = (16, 3, 4);
/// The type of requests about sockets, `SOCK_DIAG_BY_FAMILY`. Their answers have the same type.
const BY_FAMILY: u16 = 20;
/// Length of the header of a netlink message, in bytes.
const HEADER: usize = 16;
/// Length of a request in bytes: the header, the address family and protocol, the states, and the addresses.
const REQUEST: u32 = 72;
/// Offset of the inode in an answer.
const INODE: usize = HEADER + 68;
/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";
/// Time limit for an answer. The kernel answers at once.
const LIMIT: Duration = Duration::from_secs(1);

/// Returns the link target in `/proc/*/fd` of the socket whose own address is `local` and whose peer is
/// `remote`, such as `socket:[4711]`; `None` if it is closed, or belongs to a different network namespace.
pub(super) fn socket(local: SocketAddr, remote: SocketAddr) -> Option<String> {
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else { return None };
    let inode = ask_kernel(local, remote).ok().flatten().or_else(|| {
        let (local, remote) = (hexadecimal(local), hexadecimal(remote));
        search(|line| line.local.ends_with(&local) && line.remote.ends_with(&remote))
    })?;
    // A socket that was closed has the inode 0.
    (inode != 0).then(|| format!("socket:[{inode}]"))
}

/// Returns the name in `/proc/*/fd` of the socket that accepts connections to a port of 127.0.0.1; `None` if
/// no socket listens.
pub(super) fn listener(port: u16) -> Option<String> {
    let (local, any) = (Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED);
    let asked = ask_kernel(SocketAddrV4::new(local, port), SocketAddrV4::new(any, 0));
    let inode = asked.ok().flatten().or_else(|| {
        let end = format!(":{port:04X}");
        search(|line| line.state == LISTENING && line.local.ends_with(&end))
    })?;
    (inode != 0).then(|| format!("socket:[{inode}]"))
}

/// Asks the kernel for the inode of a socket; `None` if there is no such socket.
///
/// # Errors
/// If netlink can't be used.
fn ask_kernel(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<u32>> {
    let (domain, kind, protocol) = NETLINK;
    let mut netlink =
        Socket::new(Domain::from(domain), Type::from(kind), Some(Protocol::from(protocol)))?;
    netlink.set_read_timeout(Some(LIMIT))?;
    netlink.send(&request(local, remote))?;
    let mut answer = [0; 1024];
    let length = netlink.read(&mut answer)?;
    let is_socket = length > INODE + 4 && answer[4..6] == BY_FAMILY.to_ne_bytes();
    let inode = answer[INODE..INODE + 4].try_into().map(u32::from_ne_bytes);
    Ok(inode.ok().filter(|_| is_socket))
}

/// Returns a request for a TCP socket over IPv4, which also finds IPv6 sockets with IPv4-mapped addresses.
fn request(local: SocketAddrV4, remote: SocketAddrV4) -> Vec<u8> {
    /// `NLM_F_REQUEST`.
    const IS_REQUEST: u16 = 1;
    /// `AF_INET` and `IPPROTO_TCP`.
    const TCP: [u8; 4] = [2, 6, 0, 0];
    let mut bytes = Vec::new();
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(IS_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(TCP);
    // Every state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local, remote] {
        bytes.extend(address.ip().octets());
        // The rest of an IPv6 address.
        bytes.extend([0; 12]);
    }
    // Any interface, and no cookie.
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

/// A line of `/proc/net/tcp` or `/proc/net/tcp6`.
struct Line<'a> {
    local: &'a str,
    remote: &'a str,
    state: &'a str,
}

/// Returns the inode of the first socket in `/proc/net` for which `is_wanted` returns true.
fn search(is_wanted: impl Fn(&Line<'_>) -> bool) -> Option<u32> {
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().skip(1).find_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let line = Line { local: words.get(1)?, remote: words.get(2)?, state: words.get(3)? };
            if is_wanted(&line) { words.get(9)?.parse().ok() } else { None }
        })
    })
}

/// Returns an address as in `/proc/net/tcp`. In `tcp6`, the IPv4-mapped address ends with this text.
fn hexadecimal(address: SocketAddrV4) -> String {
    let ip: Ipv4Addr = *address.ip();
    format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use spanproof_lease::wait::block_until;

    use super::*;

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        match address {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(address) => panic!("{address}"),
        }
    }

    #[test]
    fn netlink_and_proc_find_the_same_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), server.port()));
        for target in [server, mapped] {
            let client = TcpStream::connect(target).unwrap();
            let (accepted, address) = listener.accept().unwrap();
            let name = std::fs::read_link(format!("/proc/self/fd/{}", client.as_raw_fd())).unwrap();
            assert_eq!(socket(address, server).unwrap(), name.to_str().unwrap(), "{target}");
            let asked = ask_kernel(v4(address), v4(server)).unwrap().unwrap();
            let (local, remote) = (hexadecimal(v4(address)), hexadecimal(v4(server)));
            let is_client =
                |line: &Line<'_>| line.local.ends_with(&local) && line.remote.ends_with(&remote);
            assert_eq!(search(is_client), Some(asked), "{target}");
            drop(accepted);
            drop(client);
        }
        assert_eq!(socket(SocketAddr::from(([127, 0, 0, 1], 1)), server), None);
        let name = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let found = super::listener(server.port()).unwrap();
        assert_eq!(found, name.to_str().unwrap());
        drop(listener);
        // A process that another test is just starting has a copy of the socket until it runs its program.
        let is_gone = || super::listener(server.port()).is_none();
        assert!(block_until(Duration::from_secs(5), is_gone), "{server}");
    }
}
