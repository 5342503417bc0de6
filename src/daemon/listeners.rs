//! The listening sockets: bound before readiness, kept over restarts of their tasks, written down for others.

use crate::config::Config;
use crate::config::listen::Listen;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::daemon::passed::PassedSockets;
use crate::store::durable::sync_dir;
use std::fs;
use std::fs::Permissions;
use std::io;
use std::io::Write;
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

/// Every listener of the configuration.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) http: Option<Bound>,
    pub(crate) ops: Option<Bound>,
    pub(crate) smtp: Option<Bound>,
    pub(crate) lmtp: Option<Bound>,
}

impl Listeners {
    /// Binds all that were not passed.
    ///
    /// # Errors
    /// [`Exit::Config`] with the section and the address that cannot be had.
    pub(crate) fn bind(config: &Config, mut passed: PassedSockets) -> Result<Self, Failure> {
        let mut bind = |name: &str, listen: &Listen| match passed.take(name) {
            Some(bound) => Ok(Some(bound)),
            None => Bound::bind(name, listen),
        };
        Ok(Self {
            http: bind("http", &config.http.listen)?,
            ops: bind("ops", &config.ops.listen)?,
            smtp: bind("smtp", &config.smtp.listen)?,
            lmtp: bind("lmtp", &config.lmtp.listen)?,
        })
    }

    /// Names and addresses of those that are on.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        [("http", &self.http), ("ops", &self.ops), ("smtp", &self.smtp), ("lmtp", &self.lmtp)]
            .into_iter()
            .filter_map(|(name, bound)| Some((name, bound.as_ref()?.address())))
            .collect()
    }
}

/// Writes `run/addresses.json`, whole or not at all.
pub(crate) fn write_addresses(run_dir: &Path, addresses: &[(&'static str, String)]) -> Result<(), Failure> {
    let object: serde_json::Map<_, _> =
        addresses.iter().map(|(name, address)| ((*name).to_owned(), address.clone().into())).collect();
    let text = format!("{:#}\n", serde_json::Value::Object(object));
    let (path, draft) = (run_dir.join("addresses.json"), run_dir.join("addresses.json.new"));
    let written = fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, &path));
    written.map_err(|error| Failure::doing("write addresses.json", error))?;
    sync_dir(run_dir).map_err(|error| Failure::opening(&error))
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
