//! Questions to the DNS: who speaks for a domain, and what it says of itself (RFC 1035).
//!
//! **Invariant:** every question ends within a limit; a name without the record asked for is an answer, not a fault.

use crate::desk::mail::dns_records::Finding;
use crate::desk::mail::dns_records::Record;
use futures_util::future::join_all;
use mail_auth::MessageAuthenticator;
use mail_auth::hickory_resolver::config::ConnectionConfig;
use mail_auth::hickory_resolver::config::NameServerConfig;
use mail_auth::hickory_resolver::config::ResolverConfig;
use mail_auth::hickory_resolver::config::ResolverOpts;
use mail_auth::hickory_resolver::proto::rr::RData;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// Whom to ask.
#[derive(Clone)]
pub struct Dns(MessageAuthenticator);

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Dns {
    /// The server at `server`, or those of the system.
    ///
    /// # Errors
    /// A sentence, when the system's servers cannot be found out.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let authenticator = match server {
            None => MessageAuthenticator::new_system_conf(),
            Some(server) => {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|connection| connection.port = server.port());
                let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
                name_server.connections = connections;
                let mut options = ResolverOpts::default();
                options.timeout = ANSWER_MAX;
                MessageAuthenticator::new(ResolverConfig::from_parts(None, Vec::new(), vec![name_server]), options)
            }
        };
        authenticator.map(Self).map_err(|error| format!("no DNS server to ask: {error}"))
    }

    pub(crate) fn authenticator(&self) -> &MessageAuthenticator {
        &self.0
    }

    /// Looks the records up, and says how each is and what stands there.
    pub async fn look(&self, records: Vec<Record>) -> Vec<Looked> {
        join_all(records.into_iter().map(|record| self.look_one(record))).await
    }

    async fn look_one(&self, record: Record) -> Looked {
        let mut name = record.names.first().cloned().unwrap_or_default();
        for candidate in &record.names {
            match self.texts(candidate).await {
                Ok(found) if found.iter().any(|text| record.is_meant_by(text)) => {
                    let finding = record.judge(&found);
                    let found = found.into_iter().filter(|text| record.is_meant_by(text)).collect();
                    name.clone_from(candidate);
                    return Looked { record, name, found, finding };
                }
                Ok(_) => {}
                Err(why) => return Looked { record, name, found: Vec::new(), finding: Finding::Unknown(why) },
            }
        }
        Looked { record, name, found: Vec::new(), finding: Finding::Missing }
    }

    /// The texts of the TXT records of a name; none where it has none.
    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        // With its last dot it is looked for nowhere else.
        let answer = match self.0.resolver().txt_lookup(format!("{name}.")).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let mut texts = Vec::new();
        for record in answer.answers() {
            if let RData::TXT(text) = &record.data {
                let octets: Vec<u8> = text.txt_data.iter().flat_map(|piece| piece.iter().copied()).collect();
                texts.push(String::from_utf8_lossy(&octets).into_owned());
            }
        }
        Ok(texts)
    }
}

/// A record that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What should stand there.
    pub record: Record,
    /// Where it stands, or should.
    pub name: String,
    /// What stands there for that purpose.
    pub found: Vec<String>,
    /// How it is.
    pub finding: Finding,
}
