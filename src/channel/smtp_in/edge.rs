//! SPF, DKIM, DMARC and ARC of mail that comes to us first (RFC 7208, RFC 6376, RFC 7489, RFC 8617).
//!
//! **Invariant:** no mail is refused, lost or held up for longer than [`CHECK_MAX`] by what is found here: it is a fact that
//! goes with the mail. Where nobody asked for the checks, no name is looked up.

use crate::channel::dns::Dns;
use crate::domain::authentication::AuthResult;
use crate::domain::authentication::Authentication;
use crate::domain::authentication::is_aligned;
use ipnet::IpNet;
use mail_auth::AuthenticatedMessage;
use mail_auth::DkimOutput;
use mail_auth::DkimResult;
use mail_auth::DmarcResult;
use mail_auth::SpfOutput;
use mail_auth::SpfResult;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time for all checks of one mail.
const CHECK_MAX: Duration = Duration::from_secs(20);

/// The checks of a listener.
pub struct EdgeCheck {
    dns: Dns,
    hostname: String,
    trusted: Vec<IpNet>,
}

impl fmt::Debug for EdgeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeCheck").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

/// Who hands a mail over, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) helo: String,
    pub(crate) mail_from: String,
}

impl EdgeCheck {
    /// Checks with the DNS server at `dns`, or with those of the system. Hosts in `trusted` networks are relays of ours:
    /// nothing is known of who spoke to them.
    ///
    /// # Errors
    /// A sentence, when the system's DNS servers cannot be found out.
    pub fn new(hostname: &str, dns: Option<SocketAddr>, trusted: Vec<IpNet>) -> Result<Self, String> {
        let dns = Dns::new(dns)?;
        Ok(Self { dns, hostname: hostname.to_owned(), trusted })
    }

    /// What can be said of a mail; `None` for one from a relay of ours.
    pub(crate) async fn check(&self, peer: &Peer, raw: &[u8]) -> Option<Authentication> {
        if self.trusted.iter().any(|network| network.contains(&peer.ip)) {
            return None;
        }
        let checked = timeout(CHECK_MAX, Box::pin(self.checked(peer, raw))).await;
        let late = |_| {
            let late = AuthResult::TempError;
            Authentication { spf: late, dkim: late, dmarc: late, arc: late, ..Authentication::default() }
        };
        Some(Authentication { source: self.hostname.clone(), ..checked.unwrap_or_else(late) })
    }

    async fn checked(&self, peer: &Peer, raw: &[u8]) -> Authentication {
        let sender =
            if peer.mail_from.is_empty() { format!("postmaster@{}", peer.helo) } else { peer.mail_from.clone() };
        let asked = SpfParameters::verify_mail_from(peer.ip, &peer.helo, &self.hostname, &sender);
        let spf = self.dns.authenticator().verify_spf(asked).await;
        let Some(message) = AuthenticatedMessage::parse(raw) else {
            return Authentication { spf: of_spf(&spf), ..Authentication::default() };
        };
        let dkim = self.dns.authenticator().verify_dkim(&message).await;
        let arc = self.dns.authenticator().verify_arc(&message).await;
        let envelope = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        let dmarc = self.dns.authenticator().verify_dmarc(DmarcParameters::new(&message, &dkim, envelope, &spf)).await;
        let refused = matches!(dmarc.result(), DmarcResult::Fail(_));
        Authentication {
            spf: of_spf(&spf),
            dkim: of_signatures(&dkim),
            dmarc: of_dmarc(&dmarc.result()),
            arc: of_dkim(arc.result()),
            source: String::new(),
            from_verified: !refused && is_verified(&message, &dkim, &spf, envelope),
        }
    }
}

/// Whether one check that passed speaks for the one domain of From.
fn is_verified(message: &AuthenticatedMessage<'_>, dkim: &[DkimOutput<'_>], spf: &SpfOutput, envelope: &str) -> bool {
    let [from] = message.froms() else { return false };
    let from = from.rsplit_once('@').map_or(from.as_str(), |(_, domain)| domain);
    let signed = dkim.iter().filter(|one| *one.result() == DkimResult::Pass).filter_map(DkimOutput::signature);
    let by_dkim = signed.into_iter().any(|signature| is_aligned(&signature.d, from));
    by_dkim || (spf.result() == SpfResult::Pass && is_aligned(envelope, from))
}

fn of_spf(spf: &SpfOutput) -> AuthResult {
    match spf.result() {
        SpfResult::Pass => AuthResult::Pass,
        SpfResult::Fail => AuthResult::Fail,
        SpfResult::SoftFail => AuthResult::SoftFail,
        SpfResult::Neutral => AuthResult::Neutral,
        SpfResult::TempError => AuthResult::TempError,
        SpfResult::PermError => AuthResult::PermError,
        SpfResult::None => AuthResult::None,
    }
}

/// One signature that holds is enough.
fn of_signatures(dkim: &[DkimOutput<'_>]) -> AuthResult {
    let results: Vec<AuthResult> = dkim.iter().map(|one| of_dkim(one.result())).collect();
    let passes = results.contains(&AuthResult::Pass);
    if passes { AuthResult::Pass } else { results.first().copied().unwrap_or_default() }
}

fn of_dkim(result: &DkimResult) -> AuthResult {
    match result {
        DkimResult::Pass => AuthResult::Pass,
        // The text is not what was signed: the library calls that neutral.
        DkimResult::Neutral(mail_auth::Error::Dkim(DkimError::FailedBodyHashMatch)) | DkimResult::Fail(_) => {
            AuthResult::Fail
        }
        DkimResult::Neutral(_) => AuthResult::Neutral,
        DkimResult::PermError(_) => AuthResult::PermError,
        DkimResult::TempError(_) => AuthResult::TempError,
        DkimResult::None => AuthResult::None,
    }
}

fn of_dmarc(result: &DmarcResult) -> AuthResult {
    match result {
        DmarcResult::Pass => AuthResult::Pass,
        DmarcResult::Fail(_) => AuthResult::Fail,
        DmarcResult::TempError(_) => AuthResult::TempError,
        DmarcResult::PermError(_) => AuthResult::PermError,
        DmarcResult::None => AuthResult::None,
    }
}
