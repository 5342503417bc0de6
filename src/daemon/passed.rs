//! Sockets that systemd has bound and passes (`sd_listen_fds(3)`, OPS-1): ports below 1024 without a privilege, and connections that
//! wait in the kernel while the daemon is started anew.
//!
//! `FileDescriptorName=` of the socket unit says which listener one is for; it then stands in the place of that listener's address
//! in the configuration.
//!
//! **Invariant:** they are taken once, before there is a thread, since taking them changes the environment of the process. A socket
//! that nobody would listen on is refused, not left to fill up.

use crate::daemon::bound::Bound;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use listenfd::ListenFd;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// The listeners that a socket can be passed for, and whether it may be one of the file system.
const LISTENERS: [(&str, bool); 4] = [("http", false), ("ops", false), ("smtp", true), ("lmtp", true)];

/// What was passed and not yet put in its place.
#[derive(Debug, Default)]
pub struct PassedSockets(BTreeMap<&'static str, Bound>);

impl PassedSockets {
    /// Those of this process. Call it before anything starts a thread.
    ///
    /// # Errors
    /// [`Exit::Config`] for a name that is no listener's or comes twice, and for what is no listening socket of its kind.
    pub fn of_process() -> Result<Self, Failure> {
        let names = sd_notify::listen_fds_with_names().map(|passed| passed.map(|(_, name)| name).collect::<Vec<_>>());
        let names = names.map_err(|error| refused(&format!("cannot be read: {error}")))?;
        let mut sockets = ListenFd::from_env();
        let mut passed = Self::default();
        for (at, name) in names.iter().enumerate() {
            let Some((listener, of_file_system)) = LISTENERS.into_iter().find(|(listener, _)| listener == name) else {
                let known = LISTENERS.map(|(listener, _)| listener).join(", ");
                return Err(refused(&format!("has the name {name:?}; FileDescriptorName= takes one of {known}")));
            };
            let bound = bound(&mut sockets, at, of_file_system);
            let bound = bound.map_err(|error| refused(&format!("of the name {name:?} cannot be used: {error}")))?;
            if passed.0.insert(listener, bound).is_some() {
                return Err(refused(&format!(
                    "of the name {name:?} comes twice; ListenStream= with a port alone takes IPv4 and IPv6"
                )));
            }
        }
        Ok(passed)
    }

    /// The socket for a listener, if one was passed.
    pub(crate) fn take(&mut self, listener: &str) -> Option<Bound> {
        self.0.remove(listener)
    }
}

fn bound(sockets: &mut ListenFd, at: usize, of_file_system: bool) -> io::Result<Bound> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    match sockets.take_tcp_listener(at) {
        Ok(listener) => {
            let listener = listener.ok_or_else(missing)?;
            listener.set_nonblocking(true)?;
            Ok(Bound::Tcp(listener))
        }
        Err(error) if !of_file_system => Err(error),
        Err(_) => {
            let listener = sockets.take_unix_listener(at)?.ok_or_else(missing)?;
            listener.set_nonblocking(true)?;
            let path = listener.local_addr()?.as_pathname().map_or_else(PathBuf::new, PathBuf::from);
            Ok(Bound::Unix(listener, path))
        }
    }
}

fn refused(what: &str) -> Failure {
    Failure::new(Exit::Config, format!("a socket that systemd passed {what}"))
}
