//! What the standard library's sockets lack: a longer backlog, `MSG_MORE`, reading only what is there, a look at the peer;
//! and a fault point before `accept(2)`.
//!
//! Always true: an interrupted call is made again; a socket that the peer has closed gives an error, never SIGPIPE.
//! Not done: no options for buffers: the kernel sizes them.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use crate::base::metrics;
use crate::faults::{self, Operation};
use crate::os::{checked, poll};

/// `listen(2)` once more, with room for `backlog` connections that nobody has accepted yet.
///
/// The standard library's 128 makes the clients beyond it wait for a retransmitted SYN, a second and more.
pub fn set_backlog(listener: &TcpListener, backlog: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `listener` is borrowed; no memory is passed.
    checked(unsafe { libc::listen(listener.as_raw_fd(), backlog) }).map(drop)
}

/// Waits for the next connection, and takes it.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    faults::pass(Operation::Accept, Path::new(""))?;
    listener.accept()
}

/// Whether an accept failed since this process, or all together, have as many files open as they may.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Sends all of `bytes`; `more` tells the kernel that the rest of the response follows at once (`MSG_MORE`).
pub fn send_all(socket: &TcpStream, mut bytes: &[u8], more: bool) -> io::Result<()> {
    let flags = libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
    while !bytes.is_empty() {
        metrics::note_call();
        // SAFETY: the pointer and the length are those of `bytes`.
        let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
        match checked(sent) {
            Ok(sent) => bytes = &bytes[sent as usize..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for bytes, for as long as the socket's timeout says, and reads what has arrived then.
pub fn receive(mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        metrics::note_call();
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads what has arrived already, without waiting (`MSG_DONTWAIT`): `None` when that is nothing.
pub fn receive_now(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the pointer and the length are those of `buffer`.
    let got = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    match checked(got) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        other => {
            metrics::note_call();
            other.map(|got| Some(got as usize))
        }
    }
}

/// Waits until there is something to read, or the peer is gone; false when `timeout` passed first.
pub fn wait_readable(socket: &TcpStream, timeout: Duration) -> io::Result<bool> {
    Ok(poll(socket, libc::POLLIN | libc::POLLRDHUP, timeout)? != 0)
}

/// Whether the peer has closed its side, or the connection broke (`POLLRDHUP`), without waiting.
pub fn peer_is_gone(socket: &TcpStream) -> bool {
    let gone = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
    poll(socket, libc::POLLRDHUP, Duration::ZERO).map_or(true, |events| events & gone != 0)
}

fn poll(socket: &TcpStream, events: i16, timeout: Duration) -> io::Result<i16> {
    metrics::note_call();
    let mut fds = [libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 }];
    poll::poll(&mut fds, i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))?;
    Ok(fds[0].revents)
}
