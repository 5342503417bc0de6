//! A listening socket: bound here, or by systemd ([`crate::daemon::passed`]).

use crate::config::listen::Listen;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use std::fs;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use tokio::net::TcpSocket;

/// Kept by the kernel for a peer that is slow to read (P20); Linux doubles it for its own needs.
const SEND_BUFFER_BYTES: u32 = 128 * 1_024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A bound socket.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Bound {
    /// Binds `listen`; `None` when it is off.
    pub(crate) fn bind(name: &str, listen: &Listen) -> Result<Option<Self>, Failure> {
        let refused =
            |error: io::Error| Failure::new(Exit::Config, format!("{name}.listen: cannot listen on {listen}: {error}"));
        match listen {
            Listen::Off => Ok(None),
            Listen::Tcp(address) => {
                let listener = bind_tcp(*address).map_err(refused)?;
                Ok(Some(Self::Tcp(listener)))
            }
            Listen::Unix(path) => {
                let listener = bind_unix(path, 0o660).map_err(refused)?;
                Ok(Some(Self::Unix(listener, path.clone())))
            }
        }
    }

    /// Another handle to the same socket, for a task.
    pub(crate) fn again(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener, path) => listener.try_clone().map(|listener| Self::Unix(listener, path.clone())),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|error| error.to_string(), |it| it.to_string()),
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }
}

/// Binds a TCP socket whose connections, which inherit it, hold [`SEND_BUFFER_BYTES`] in the kernel for a peer that does
/// not read. Without that the kernel takes up to 4 MB for each, and behind them no close code would arrive in time.
fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Binds a Unix socket with `mode`; a socket that a killed process left is replaced, a living one is not.
pub(crate) fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if let Ok(metadata) = fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() || UnixStream::connect(path).is_ok() {
            return Err(io::Error::from(io::ErrorKind::AddrInUse));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_left_by_a_killed_process_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let living = bind_unix(&path, 0o600).unwrap();
        assert_eq!(bind_unix(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(living);
        let again = bind_unix(&path, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(again);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert_eq!(bind_unix(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }

    #[test]
    fn fault_92_a_port_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = Listen::Tcp(taken.local_addr().unwrap());
        let refused = Bound::bind("http", &listen).unwrap_err();
        assert_eq!(refused.exit, Exit::Config);
        assert!(refused.message.starts_with("http.listen: cannot listen on 127.0.0.1:"), "{refused}");
    }
}
