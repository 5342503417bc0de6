//! Who a messenger is (MSG-10 to MSG-15).
//!
//! **Invariant:** a claim without proof never opens what an earlier or another session wrote: it gets a contact of its
//! own (MSG-12). Proofs are compared in constant time.

use crate::desk::Desk;
use crate::desk::contacts::updated;
use crate::desk::draft::At;
use crate::desk::random_bytes;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::mail::clean;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use data_encoding::BASE64URL_NOPAD;
use data_encoding::HEXLOWER_PERMISSIVE;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::Validation;
use ring::digest;
use ring::hmac;
use serde::Deserialize;
use std::time::Duration;

/// Clock skew granted to tokens, in seconds (MSG-11).
const CLOCK_SKEW_S: u64 = 60;
/// How often it is noted that a contact was here.
const SEEN_NOTED_EVERY: Duration = Duration::from_secs(300);
/// Longest `user_id` taken, in bytes.
const USER_ID_BYTES_MAX: usize = 256;

/// What a page claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody known.
    NewVisitor,
    /// The token of an earlier welcome.
    Visitor(String),
    /// A user, proved by `user_hash` (MSG-10).
    Hmac {
        /// The product's key of the user; counts for the hash when given.
        user_id: Option<String>,
        /// Counts for the hash when there is no `user_id`.
        email: Option<String>,
        /// Shown name.
        name: Option<String>,
        /// Hex HMAC-SHA256.
        user_hash: Option<String>,
    },
    /// A signed token (MSG-11).
    Jwt(String),
}

/// A session's contact.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose session it is.
    pub contact: Contact,
    /// To come back with; for sessions without proof.
    pub visitor: Option<String>,
    /// Proved by HMAC or JWT.
    pub verified: bool,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// The proof is missing, wrong or expired.
    #[error("{0}")]
    NotProved(String),
    /// The store cannot be read or written.
    #[error("{0}")]
    Unavailable(String),
}

/// Facts that a proof or a claim brings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Person {
    user_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

impl Desk {
    /// Opens a session for a claim: the user it proves, the visitor it comes back as, or somebody new.
    ///
    /// # Errors
    /// `NotProved` for a wrong or missing proof: always for a wrong hash or token, and for any missing one where proofs
    /// are enforced.
    pub async fn open_session(&self, claim: Claim) -> Result<Session, NoSession> {
        match claim {
            Claim::NewVisitor => self.unproved(None, Person::default()).await,
            Claim::Visitor(token) => self.unproved(Some(token), Person::default()).await,
            Claim::Jwt(token) => {
                let person = self.read_jwt(&token)?;
                self.user(person).await
            }
            Claim::Hmac { user_id, email, name, user_hash: Some(hash) } => {
                let person = Person { user_id, email, name };
                self.check_hash(&person, &hash)?;
                self.user(person).await
            }
            Claim::Hmac { user_id, email, name, user_hash: None } => {
                self.unproved(None, Person { user_id, email, name }).await
            }
        }
    }

    fn secret(&self) -> Result<&[u8], NoSession> {
        let secret = self.inner.settings.identity.secret.as_deref();
        secret.ok_or_else(|| NoSession::NotProved("this desk has no messenger secret configured".to_owned()))
    }

    fn check_hash(&self, person: &Person, hash: &str) -> Result<(), NoSession> {
        let wrong = || NoSession::NotProved("user_hash does not match".to_owned());
        let subject = person.user_id.as_ref().or(person.email.as_ref()).ok_or_else(wrong)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret()?);
        let told = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| wrong())?;
        hmac::verify(&key, subject.as_bytes(), &told).map_err(|_| wrong())
    }

    fn read_jwt(&self, token: &str) -> Result<Person, NoSession> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = CLOCK_SKEW_S;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_secret(self.secret()?);
        let read = jsonwebtoken::decode::<Person>(token, &key, &validation);
        let person = read.map_err(|error| NoSession::NotProved(format!("the token is not valid: {error}")))?.claims;
        if person.user_id.as_ref().is_none_or(String::is_empty) {
            return Err(NoSession::NotProved("the token has no user_id".to_owned()));
        }
        Ok(person)
    }

    /// The user of a proved claim; made at the first visit.
    async fn user(&self, person: Person) -> Result<Session, NoSession> {
        if person.user_id.as_ref().is_some_and(|id| id.len() > USER_ID_BYTES_MAX) {
            return Err(NoSession::NotProved(format!("user_id is longer than {USER_ID_BYTES_MAX} bytes")));
        }
        let at = At::of(&self.inner.clock);
        let found = self.inner.store.update(move |tx| {
            let known = match (&person.user_id, person.email.as_deref().and_then(Address::parse)) {
                (Some(id), _) => store::contacts::by_external_id(tx, id)?,
                (None, Some(email)) => {
                    let with_address = store::contacts::by_email(tx, &email)?;
                    with_address.into_iter().find(|contact| contact.role == ContactRole::User)
                }
                (None, None) => None,
            };
            let fresh = || Contact::new(ContactId(at.id()), ContactRole::User, at.now);
            let mut contact = known.clone().unwrap_or_else(fresh);
            contact.external_id = person.user_id.clone().or(contact.external_id);
            touch(&mut contact, &person, true);
            keep(tx, known.as_ref(), contact, &at)
        });
        let contact = found.await.map_err(unavailable)?;
        Ok(Session { contact, visitor: None, verified: true })
    }

    /// The visitor of a token, or a new one. Unknown tokens get a new visitor: they are not a reason to lock a page out.
    async fn unproved(&self, token: Option<String>, person: Person) -> Result<Session, NoSession> {
        if self.inner.settings.identity.enforced && person != Person::default() {
            return Err(NoSession::NotProved("this desk takes users only with a user_hash or a token".to_owned()));
        }
        let fresh = random_bytes::<32>().map_err(|error| NoSession::Unavailable(error.to_string()))?;
        let fresh = BASE64URL_NOPAD.encode(&fresh);
        let at = At::of(&self.inner.clock);
        let found = self.inner.store.update(move |tx| {
            let known = match &token {
                Some(token) => store::visitors::by_token_hash(tx, &hash_of(token))?,
                None => None,
            };
            let known = match known {
                Some(contact) => store::contacts::get(tx, contact)?,
                None => None,
            };
            if let (Some(known), Some(token)) = (known, &token) {
                let mut contact = known.clone();
                touch(&mut contact, &person, false);
                return Ok((keep(tx, Some(&known), contact, &at)?, token.clone()));
            }
            let mut contact = Contact::new(ContactId(at.id()), ContactRole::Visitor, at.now);
            touch(&mut contact, &person, false);
            store::visitors::put(tx, &hash_of(&fresh), contact.id)?;
            Ok((keep(tx, None, contact, &at)?, fresh.clone()))
        });
        let (contact, token) = found.await.map_err(unavailable)?;
        Ok(Session { contact, visitor: Some(token), verified: false })
    }
}

/// Takes over what the page says; only a proof makes an address verified or changes a known one (MSG-13).
fn touch(contact: &mut Contact, person: &Person, proved: bool) {
    let email = person.email.as_deref().and_then(Address::parse);
    if let Some(email) = email.filter(|_| proved || contact.email.is_none()) {
        contact.email_verified = proved;
        contact.email = Some(email);
    }
    if let Some(name) = person.name.as_deref().map(clean::name).filter(|name| !name.is_empty()) {
        contact.name = Some(name);
    }
}

/// Saves what the visit changed. That somebody was here is noted now and then, and is no event: many sockets come back
/// at once after a restart.
fn keep(tx: &mut dyn WriteTx, known: Option<&Contact>, mut contact: Contact, at: &At) -> store::Result<Contact> {
    let changed = known != Some(&contact);
    let last_seen = contact.last_seen_at.replace(at.now);
    if changed {
        contact.updated_at = at.now;
        save(tx, &updated(contact.clone(), at))?;
    } else if last_seen.is_none_or(|seen| at.now.since(seen) >= SEEN_NOTED_EVERY) {
        save(tx, &Change { contacts: vec![contact.clone()], ..Change::default() })?;
    }
    Ok(contact)
}

fn hash_of(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

#[expect(clippy::needless_pass_by_value, reason = "the form map_err asks for")]
fn unavailable(error: store::Error) -> NoSession {
    NoSession::Unavailable(error.to_string())
}
