//! Agents, tokens, and who may call what (API-1, DSK-12).
//!
//! **Invariant:** rights are checked here and nowhere else; a handler that forgets nothing can still not do more than its
//! caller may. A token's secret is never kept, only its hash.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::agents::teams::said;
use crate::desk::random_bytes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::agent::Token;
use crate::domain::event::AgentAct;
use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::id::TokenId;
use crate::domain::part::Author;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::save;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::SaltString;
use data_encoding::BASE64URL_NOPAD;
use ring::digest;
use std::time::Duration;

/// How every secret begins, so that leaked ones can be searched for.
const TOKEN_PREFIX: &str = "dg_";
/// Longest name of an agent or a token, in characters.
const NAME_CHARS_MAX: usize = 256;
/// Shortest password taken, in characters.
const PASSWORD_CHARS_MIN: usize = 10;

/// An agent to be added.
#[derive(Clone, Debug)]
pub struct NewAgent {
    /// Unique among agents.
    pub email: Address,
    /// Shown to customers.
    pub name: String,
    /// What they may do.
    pub role: AgentRole,
    /// Kept as argon2id only; at least ten characters.
    pub password: Option<String>,
}

/// Why a token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// There is no such token.
    Unknown,
    /// Revoked or expired, or its agent is disabled.
    Ended,
    /// The store cannot be read.
    Unavailable,
}

/// Refuses a caller whose token lacks every one of `any_of`.
///
/// # Errors
/// `Forbidden`, naming the scope.
pub(crate) fn require(caller: &Caller, any_of: &[Scope]) -> std::result::Result<(), Refusal> {
    if any_of.iter().any(|scope| caller.scopes.contains(scope)) {
        return Ok(());
    }
    let names: Vec<&str> = any_of.iter().map(|scope| scope.as_str()).collect();
    Err(Refusal::Forbidden { message: format!("the token lacks the scope {}", names.join(" or ")) })
}

/// Scopes of which one is needed to read any single thread; [`may_read`] says which ones.
pub(crate) const READ_ANY: &[Scope] =
    &[Scope::ReadConversations, Scope::ReadTickets, Scope::WriteConversations, Scope::WriteTickets];
/// Scopes of which one is needed to write in any thread; [`require_write`] says in which ones.
pub(crate) const WRITE_ANY: &[Scope] = &[Scope::WriteConversations, Scope::WriteTickets];
/// Scopes that read the types and states of tickets: whoever writes tickets or sets them up sees what they made.
pub(crate) const READ_TYPES: &[Scope] = &[Scope::ReadTickets, Scope::WriteTickets, Scope::Settings];

/// Whether the token reads that thread. What may be written may be read, so that every write can answer with what it
/// made; lists and searches ask for the reading scope besides. What was sent out and waits for its contact's reply is
/// shown to nobody.
pub(crate) fn may_read(caller: &Caller, thread: &Thread) -> bool {
    let read = match thread.ticket {
        Some(_) => reads_tickets(caller),
        None => caller.scopes.contains(&Scope::ReadConversations) || may_write(caller, thread),
    };
    read && !thread.awaits_contact
}

/// Whether the token reads tickets of every category.
pub(crate) fn reads_tickets(caller: &Caller) -> bool {
    [Scope::ReadTickets, Scope::WriteTickets].iter().any(|scope| caller.scopes.contains(scope))
}

/// Whether the token writes threads of that kind.
pub(crate) fn may_write(caller: &Caller, thread: &Thread) -> bool {
    let write = if thread.ticket.is_some() { Scope::WriteTickets } else { Scope::WriteConversations };
    caller.scopes.contains(&write)
}

/// Operators' queues are for the scope `settings`; `None` is the operator at the command line.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn require_operator(caller: Option<&Caller>) -> std::result::Result<(), Refusal> {
    caller.map_or(Ok(()), |caller| require(caller, &[Scope::Settings]))
}

/// Refuses to write in a thread of a kind the token does not write, or in one that agents do not see yet.
///
/// # Errors
/// `Forbidden`, naming the scope; `NotFound` while the thread waits for its contact.
pub(crate) fn require_write(caller: &Caller, thread: &Thread) -> store::Result<()> {
    require_scope(caller, thread)?;
    if thread.awaits_contact { Err(missing("conversation")) } else { Ok(()) }
}

/// Refuses to write in a thread of a kind the token does not write.
///
/// # Errors
/// `Forbidden`, naming the scope.
pub(crate) fn require_scope(caller: &Caller, thread: &Thread) -> store::Result<()> {
    let scope = if thread.ticket.is_some() { Scope::WriteTickets } else { Scope::WriteConversations };
    require(caller, &[scope]).map_err(store::Error::Refused)
}

/// Opens a thread to write in it, or the one it was merged into (MRG-2). Both must be the token's to write, since the
/// answer may show either.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub(crate) fn open_to_write(tx: &dyn ReadTx, caller: &Caller, id: ThreadId, at: &At) -> store::Result<Draft> {
    let named = Draft::open(tx, id, at)?;
    require_write(caller, &named.thread)?;
    if named.thread.merged_into.is_none() {
        return Ok(named);
    }
    let primary = Draft::open_merged(tx, id, at)?;
    require_write(caller, &primary.thread)?;
    Ok(primary)
}

/// Opens a thread to act on its own axis or owners.
///
/// # Errors
/// `NotFound`, `Forbidden`; `Conflict` for a merged one (MRG-2).
pub(crate) fn open_to_act(tx: &dyn ReadTx, caller: &Caller, id: ThreadId, at: &At) -> store::Result<Draft> {
    require_write(caller, &Draft::open(tx, id, at)?.thread)?;
    Draft::open_unmerged(tx, id, at)
}

/// Linking needs write permission on one side and read on the other (LNK-8).
///
/// # Errors
/// `Forbidden`.
pub(crate) fn require_link(caller: &Caller, one: &Thread, other: &Thread) -> std::result::Result<(), Refusal> {
    let allowed =
        may_read(caller, one) && may_read(caller, other) && (may_write(caller, one) || may_write(caller, other));
    if allowed {
        return Ok(());
    }
    let message = "linking takes a token that writes one side and reads the other".to_owned();
    Err(Refusal::Forbidden { message })
}

/// The author that a caller's parts get.
pub(crate) fn author(caller: &Caller) -> Author {
    Author::Agent { id: caller.agent, name: caller.name.clone() }
}

impl Desk {
    /// The caller a bearer token stands for. The look-up is by hash, so its time tells nothing of the secret.
    ///
    /// # Errors
    /// [`Unauthorized`].
    pub fn authenticate(&self, token: &str) -> std::result::Result<Caller, Unauthorized> {
        let secret = token.strip_prefix(TOKEN_PREFIX).filter(|rest| rest.len() <= 64).ok_or(Unauthorized::Unknown)?;
        let hash = hash_of(secret);
        let now = self.inner.clock.now();
        let found = self.inner.store.view(|tx| {
            let Some(token) = store::agents::token_by_hash(tx, &hash)? else {
                return Ok(None);
            };
            Ok(store::agents::get(tx, token.agent)?.map(|agent| (token, agent)))
        });
        let (token, agent) = found.map_err(|_| Unauthorized::Unavailable)?.ok_or(Unauthorized::Unknown)?;
        let expired = token.expires_at.is_some_and(|at| at <= now);
        if token.revoked_at.is_some() || expired || agent.disabled {
            return Err(Unauthorized::Ended);
        }
        Ok(caller_of(&agent, &token.scopes))
    }

    /// Adds an agent. For the command line.
    ///
    /// # Errors
    /// `Conflict` when the address is an agent's already; `Invalid` for an empty name or a short password.
    pub async fn add_agent(&self, new: NewAgent) -> Result<Agent> {
        let name = clean_name(&new.name, "name")?;
        let password_hash = new.password.as_deref().map(hash_password).transpose()?;
        let at = At::of(&self.inner.clock);
        let added = self.inner.store.update(move |tx| {
            if store::agents::by_email(tx, &new.email)?.is_some() {
                let message = format!("{} is an agent already", new.email);
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            let agent = Agent {
                id: AgentId(at.id()),
                name: name.clone(),
                email: new.email.clone(),
                role: new.role,
                password_hash: password_hash.clone(),
                disabled: false,
                created_at: at.now,
                away: None,
                assignment_limit: None,
                avatar: None,
                job_title: None,
                signature: None,
            };
            store::agents::put(tx, &agent)?;
            save(tx, &said(agent.id, AgentAct::Added, &at))?;
            Ok(agent)
        });
        let added = added.await?;
        self.people_changed();
        Ok(added)
    }

    /// Every agent, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn agents(&self) -> Result<Vec<Agent>> {
        Ok(self.inner.store.view(store::agents::all)?)
    }

    /// One agent.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn agent(&self, id: AgentId) -> Result<Agent> {
        Ok(self.inner.store.view(|tx| store::agents::get(tx, id)?.ok_or_else(|| missing("admin")))?)
    }

    /// The caller under the name of another agent (`admin_id` of the compatible API): what both may, no more.
    ///
    /// # Errors
    /// `NotFound` for somebody who is no agent any more.
    pub fn acting_as(&self, caller: &Caller, id: AgentId) -> Result<Caller> {
        let agent = self.agent(id)?;
        if agent.disabled {
            return Err(Refusal::NotFound { what: "admin" }.into());
        }
        Ok(caller_of(&agent, &caller.scopes))
    }

    /// Takes an agent's access away, tokens included; what they wrote stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn disable_agent(&self, email: &Address) -> Result<Agent> {
        let (email, at) = (email.clone(), At::of(&self.inner.clock));
        let disabled = self.inner.store.update(move |tx| {
            let mut agent = store::agents::by_email(tx, &email)?.ok_or_else(|| missing("admin"))?;
            if agent.disabled {
                return Ok(agent);
            }
            agent.disabled = true;
            store::agents::put(tx, &agent)?;
            save(tx, &said(agent.id, AgentAct::Removed, &at))?;
            Ok(agent)
        });
        let disabled = disabled.await?;
        self.people_changed();
        Ok(disabled)
    }

    /// Makes a token that lasts so long, or until it is revoked; the secret is in the answer and nowhere else. No scopes means
    /// all of them (API-1).
    ///
    /// # Errors
    /// `NotFound` for an unknown agent, `Conflict` for a disabled one.
    pub async fn create_token(
        &self,
        agent: &Address,
        name: &str,
        scopes: Vec<Scope>,
        lasts: Option<Duration>,
    ) -> Result<(Token, String)> {
        let secret = BASE64URL_NOPAD.encode(&random_bytes::<32>()?);
        let hash = hash_of(&secret);
        let scopes = if scopes.is_empty() { Scope::ALL.to_vec() } else { scopes };
        let (email, name, at) = (agent.clone(), clean_name(name, "name")?, At::of(&self.inner.clock));
        let made = self.inner.store.update(move |tx| {
            let agent = store::agents::by_email(tx, &email)?.ok_or_else(|| missing("admin"))?;
            if agent.disabled {
                let message = format!("{email} is disabled");
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            let token = Token {
                id: TokenId(at.id()),
                hash,
                agent: agent.id,
                name: name.clone(),
                scopes: scopes.clone(),
                created_at: at.now,
                expires_at: lasts.map(|lasts| at.now.plus(lasts)),
                revoked_at: None,
            };
            store::agents::put_token(tx, &token)?;
            Ok(token)
        });
        Ok((made.await?, format!("{TOKEN_PREFIX}{secret}")))
    }

    /// Every token, revoked ones included.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        Ok(self.inner.store.view(store::agents::tokens)?)
    }

    /// Ends a token; ending it again changes nothing.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_token(&self, id: TokenId) -> Result<Token> {
        let now: Millis = self.inner.clock.now();
        let revoked = self.inner.store.update(move |tx| {
            let mut token = store::agents::token(tx, id)?.ok_or_else(|| missing("token"))?;
            token.revoked_at.get_or_insert(now);
            store::agents::put_token(tx, &token)?;
            Ok(token)
        });
        Ok(revoked.await?)
    }
}

/// What `scopes` allow under the name of an agent: never more than that agent may (DSK-12).
pub(crate) fn caller_of(agent: &Agent, scopes: &[Scope]) -> Caller {
    let scopes = scopes.iter().copied().filter(|scope| scope.is_for(agent.role)).collect();
    Caller { agent: agent.id, name: agent.name.clone(), role: agent.role, scopes }
}

fn hash_of(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    hash
}

fn clean_name(name: &str, field: &str) -> Result<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if fits {
        return Ok(name.to_owned());
    }
    let message = format!("{field} must have 1 to {NAME_CHARS_MAX} characters, none of them a control character");
    Err(Error::Refused(Refusal::invalid(field, message)))
}

fn hash_password(password: &str) -> Result<String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let message = format!("a password needs at least {PASSWORD_CHARS_MIN} characters");
        return Err(Error::Refused(Refusal::invalid("password", message)));
    }
    let unusable = |error: argon2::password_hash::Error| Error::Unavailable(format!("hash the password: {error}"));
    let salt = SaltString::encode_b64(&random_bytes::<16>()?).map_err(unusable)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(unusable)?.to_string())
}
