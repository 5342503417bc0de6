//! Who a messenger is (MSG-10 to MSG-15).
//!
//! **Invariant:** a claim without proof never opens what an earlier or another session wrote: it gets a contact of its
//! own (MSG-12). Proofs are compared in constant time.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::people::company_claims::CompanyClaim;
use crate::desk::people::company_claims::join;
use crate::desk::people::contact_acts::done_with;
use crate::desk::people::contact_merging::merge_in;
use crate::desk::people::contacts::acts;
use crate::desk::random_bytes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::refusal::Refusal;
use crate::mail::clean;
use crate::store;
use crate::store::engine::ReadTx;
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
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Clock skew granted to tokens, in seconds (MSG-11).
const CLOCK_SKEW_S: u64 = 60;
/// How often it is noted that a contact was here.
const SEEN_NOTED_EVERY: Duration = Duration::from_secs(300);
/// Longest `user_id` taken, in bytes.
const USER_ID_BYTES_MAX: usize = 256;
/// Most free facts of one contact that come by the messenger.
pub const FACTS_MAX: usize = 100;
/// Longest name of a free fact and longest text in one, in characters.
const FACT_CHARS_MAX: usize = 1_000;
/// A visitor who was not here for so long begins anew (MSG-15).
const SESSION_LASTS: Duration = Duration::from_secs(7 * 86_400);

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

/// What a page says about the person beside the proof; each has its rule for who may set it (MSG-13).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Address; unverified unless proved.
    pub email: Option<String>,
    /// Shown name.
    pub name: Option<String>,
    /// As given.
    pub phone: Option<String>,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// Overrides the language (I18-1).
    pub language_override: Option<String>,
    /// Free facts by name; at most [`FACTS_MAX`] are taken.
    pub attributes: Vec<(String, Value)>,
    /// Companies they belong to.
    pub companies: Vec<CompanyClaim>,
    /// When they signed up, in Unix seconds.
    pub signed_up_at_s: Option<u64>,
    /// Whether they want no bulk mail; counts with a proof alone (EML-81).
    pub unsubscribed_from_emails: Option<bool>,
}

/// A first frame: a claim with what stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Presented {
    /// To be proved.
    pub claim: Claim,
    /// The token of an earlier welcome on this device; beside a proof it brings what was written before (MSG-14).
    pub visitor: Option<String>,
    /// Whether the page names a user, with or without a proof.
    pub names_user: bool,
    /// About the person.
    pub facts: Facts,
}

impl From<Claim> for Presented {
    fn from(claim: Claim) -> Self {
        let names_user = matches!(&claim, Claim::Hmac { .. } | Claim::Jwt(_));
        Self { claim, visitor: None, names_user, facts: Facts::default() }
    }
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
    /// When its token runs out, clock skew granted (MSG-11).
    pub expires_at: Option<Millis>,
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

/// What a token says.
#[derive(Clone, Debug, Default, Deserialize)]
struct Token {
    user_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, Json>,
}

/// Claims of tokens that are no facts about a person (RFC 7519 §4.1, and pages' own).
const NO_FACTS: [&str; 11] =
    ["created_at", "exp", "iat", "nbf", "iss", "aud", "sub", "jti", "companies", "company", UNSUBSCRIBED];
/// What pages and tokens call a contact's choice of mail (EML-81).
const UNSUBSCRIBED: &str = "unsubscribed_from_emails";

/// Who a proof or a claim names.
#[derive(Clone, Debug, Default, PartialEq)]
struct Person {
    user_id: Option<String>,
    facts: Facts,
    /// Whether the proof is about the address, too: neither a hash of another key nor a page's word is.
    proves_email: bool,
    expires_at: Option<Millis>,
}

impl Person {
    /// A token's facts go before the page's, so that the page cannot change them (MSG-11).
    fn of_token(token: Token, page: Facts) -> Self {
        let companies = CompanyClaim::all(token.others.get("company"), token.others.get("companies"));
        let expires_at_s = token.others.get("exp").and_then(Json::as_u64).map(|exp| exp.saturating_add(CLOCK_SKEW_S));
        let expires_at = expires_at_s.map(|at_s| Millis(at_s.saturating_mul(1_000)));
        let wanted = token.others.get(UNSUBSCRIBED).and_then(Json::as_bool);
        let signed_up_at_s = token.others.get("created_at").and_then(Json::as_u64).or(page.signed_up_at_s);
        let given = token.others.into_iter().filter(|(name, _)| !NO_FACTS.contains(&name.as_str()));
        let given: Vec<_> = given.filter_map(|(name, value)| Some((name, fact(&value)?))).collect();
        let mut attributes = page.attributes;
        attributes.retain(|(name, _)| given.iter().all(|(signed, _)| signed != name));
        attributes.extend(given);
        let proves_email = token.email.is_some();
        let facts = Facts {
            email: token.email.or(page.email),
            name: token.name.or(page.name),
            phone: token.phone.or(page.phone),
            attributes,
            signed_up_at_s,
            unsubscribed_from_emails: wanted.or(page.unsubscribed_from_emails),
            companies: if companies.is_empty() { page.companies } else { companies },
            ..Facts { avatar: page.avatar, language_override: page.language_override, ..Facts::default() }
        };
        Self { user_id: token.user_id, facts, proves_email, expires_at }
    }
}

/// A scalar as a fact.
#[must_use]
pub fn fact(value: &Json) -> Option<Value> {
    match value {
        Json::Bool(yes) => Some(Value::Boolean(*yes)),
        Json::String(text) => Some(Value::Text(text.chars().take(FACT_CHARS_MAX).collect())),
        Json::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::Decimal(number.to_string()), Value::Integer))
        }
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

impl Desk {
    /// Opens a session for a claim: the user it proves, the visitor it comes back as, or somebody new.
    ///
    /// # Errors
    /// `NotProved` for a wrong or missing proof: always for a wrong hash or token, and for any missing one where proofs
    /// are enforced.
    pub async fn open_session(&self, presented: impl Into<Presented>) -> Result<Session, NoSession> {
        let Presented { claim, visitor, names_user, facts } = presented.into();
        let enforced = self.inner.settings.identity.enforced;
        let proved = matches!(&claim, Claim::Jwt(_) | Claim::Hmac { user_hash: Some(_), .. });
        if enforced && names_user && !proved {
            return Err(NoSession::NotProved("this desk takes users only with a user_hash or a token".to_owned()));
        }
        match claim {
            Claim::NewVisitor => self.unproved(None, facts).await,
            Claim::Visitor(token) => self.unproved(Some(token), facts).await,
            Claim::Jwt(token) => {
                let person = Person::of_token(self.read_jwt(&token)?, facts);
                self.user(person, visitor).await
            }
            Claim::Hmac { user_id, email, name, user_hash } => {
                let facts = Facts { email: email.or(facts.email), name: name.or(facts.name), ..facts };
                let Some(hash) = user_hash else { return self.unproved(visitor, facts).await };
                let proves_email = user_id.is_none();
                let person = Person { user_id, facts, proves_email, expires_at: None };
                self.check_hash(&person, &hash)?;
                self.user(person, visitor).await
            }
        }
    }

    /// Ends a visitor's session: its token opens nothing any more (MSG-15).
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_visit(&self, token: &str) -> crate::desk::Result<()> {
        let hash = hash_of(token);
        Ok(self.inner.store.update(move |tx| store::visitors::remove(tx, &hash)).await?)
    }

    /// Takes over what a contact says about themselves without a proof: a missing address, a name (MSG-16).
    ///
    /// # Errors
    /// `NotFound` for the contact; `parameter_invalid` for what is no address.
    pub async fn introduce(&self, contact: ContactId, facts: Facts) -> crate::desk::Result<()> {
        if facts.email.as_deref().is_some_and(|email| Address::parse(email).is_none()) {
            return Err(Error::Refused(Refusal::invalid("email", "this is not an email address")));
        }
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let known = store::contacts::get(tx, contact)?.ok_or_else(|| missing("contact"))?;
            let mut contact = known.clone();
            if let Some(address) = facts.email.as_deref().and_then(Address::parse) {
                inner.refuse_our_address(&*tx, "email", &address)?;
            }
            touch(&mut contact, &facts, Proof::None, at.now);
            keep(tx, Some(&known), contact, &at).map(drop)
        });
        Ok(done.await?)
    }

    fn secret(&self) -> Result<&[u8], NoSession> {
        let secret = self.inner.settings.identity.secret.as_deref();
        secret.ok_or_else(|| NoSession::NotProved("this desk has no messenger secret configured".to_owned()))
    }

    fn check_hash(&self, person: &Person, hash: &str) -> Result<(), NoSession> {
        let wrong = || NoSession::NotProved("user_hash does not match".to_owned());
        let subject = person.user_id.as_ref().or(person.facts.email.as_ref()).ok_or_else(wrong)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret()?);
        let told = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| wrong())?;
        hmac::verify(&key, subject.as_bytes(), &told).map_err(|_| wrong())
    }

    /// A token counts by the key it names, and only with that key's algorithm: neither `none` nor a public key used as a
    /// shared secret gets anywhere (MSG-11).
    fn read_jwt(&self, token: &str) -> Result<Token, NoSession> {
        let invalid = |error: &dyn std::fmt::Display| NoSession::NotProved(format!("the token is not valid: {error}"));
        let header = jsonwebtoken::decode_header(token).map_err(|error| invalid(&error))?;
        let named = self.inner.settings.identity.keys.iter().filter(|key| key.answers_to(header.kid.as_deref()));
        let keys: Vec<_> = named.map(|key| (key.algorithm, key.decoding.clone())).collect();
        let keys =
            if keys.is_empty() { vec![(Algorithm::HS256, DecodingKey::from_secret(self.secret()?))] } else { keys };
        let mut why = invalid(&"no key fits");
        for (algorithm, key) in keys {
            let mut validation = Validation::new(algorithm);
            validation.leeway = CLOCK_SKEW_S;
            validation.validate_aud = false;
            validation.validate_nbf = true;
            validation.required_spec_claims.clear();
            match jsonwebtoken::decode::<Token>(token, &key, &validation) {
                Ok(read) if read.claims.user_id.as_ref().is_none_or(String::is_empty) => {
                    return Err(NoSession::NotProved("the token has no user_id".to_owned()));
                }
                Ok(read) => return Ok(read.claims),
                Err(error) => why = invalid(&error),
            }
        }
        Err(why)
    }

    /// The user of a proved claim; made at the first visit. What the same person wrote before, as a visitor on this device
    /// or as a lead from the same proved address, becomes theirs (MSG-14).
    async fn user(&self, person: Person, visitor: Option<String>) -> Result<Session, NoSession> {
        if person.user_id.as_ref().is_some_and(|id| id.len() > USER_ID_BYTES_MAX) {
            return Err(NoSession::NotProved(format!("user_id is longer than {USER_ID_BYTES_MAX} bytes")));
        }
        let (inner, at, expires_at) = (self.inner.clone(), At::of(&self.inner.clock), person.expires_at);
        let found = self.inner.store.update(move |tx| {
            let mut person = person.clone();
            if person.user_id.is_none() {
                // Nothing but the address says who this is.
                let address = person.facts.email.as_deref().and_then(Address::parse);
                address.map_or(Ok(()), |address| inner.refuse_our_address(&*tx, "email", &address))?;
            }
            inner.without_ours(&*tx, &mut person.facts)?;
            let known = match (&person.user_id, person.facts.email.as_deref().and_then(Address::parse)) {
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
            touch(&mut contact, &person.facts, Proof::Session { of_email: person.proves_email }, at.now);
            let contact = keep(tx, known.as_ref(), contact, &at)?;
            let visitor = visitor.as_deref().map(hash_of);
            let earlier = earlier_selves(&*tx, visitor.as_ref(), &contact)?;
            visitor.iter().try_for_each(|hash| store::visitors::remove(tx, hash))?;
            let merge = |contact, earlier| merge_or_leave(tx, &earlier, contact, &at);
            let contact = earlier.into_iter().try_fold(contact, merge)?;
            join(tx, contact, &person.facts.companies, &at)
        });
        let contact = found.await.map_err(unavailable)?;
        Ok(Session { contact, visitor: None, verified: true, expires_at })
    }

    /// The visitor of a token, or a new one. Unknown tokens get a new visitor: they are not a reason to lock a page out.
    async fn unproved(&self, token: Option<String>, facts: Facts) -> Result<Session, NoSession> {
        let fresh = random_bytes::<32>().map_err(|error| NoSession::Unavailable(error.to_string()))?;
        let fresh = BASE64URL_NOPAD.encode(&fresh);
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let found = self.inner.store.update(move |tx| {
            let mut facts = facts.clone();
            inner.without_ours(&*tx, &mut facts)?;
            let known = match &token {
                Some(token) => store::visitors::by_token_hash(tx, &hash_of(token))?,
                None => None,
            };
            let known = match known {
                // One that went into a user leads nowhere any more: a token proves nothing about the user (MSG-12).
                Some(contact) => store::contacts::get(tx, contact)?.filter(Contact::is_there),
                None => None,
            };
            let lasts = |contact: &Contact| contact.last_seen_at.is_none_or(|seen| at.now.since(seen) < SESSION_LASTS);
            if let (Some(known), Some(token)) = (known.filter(lasts), &token) {
                let mut contact = known.clone();
                touch(&mut contact, &facts, Proof::None, at.now);
                return Ok((keep(tx, Some(&known), contact, &at)?, token.clone()));
            }
            let mut contact = Contact::new(ContactId(at.id()), ContactRole::Visitor, at.now);
            touch(&mut contact, &facts, Proof::None, at.now);
            store::visitors::put(tx, &hash_of(&fresh), contact.id)?;
            Ok((keep(tx, None, contact, &at)?, fresh.clone()))
        });
        let (contact, token) = found.await.map_err(unavailable)?;
        Ok(Session { contact, visitor: Some(token), verified: false, expires_at: None })
    }
}

impl Inner {
    /// A messenger never gives its contact an address of ours or an agent's, claimed or proved: the conversation goes
    /// on without it (PAR-7).
    fn without_ours(&self, tx: &dyn ReadTx, facts: &mut Facts) -> store::Result<()> {
        let Some(address) = facts.email.as_deref().and_then(Address::parse) else { return Ok(()) };
        if self.is_of_the_house(tx, &address)? {
            facts.email = None;
        }
        Ok(())
    }
}

/// Who a user was before the proof: the visitor of this device, and leads whose proved address is the user's.
fn earlier_selves(tx: &dyn ReadTx, visitor: Option<&[u8; 32]>, user: &Contact) -> store::Result<Vec<Contact>> {
    let of_device = match visitor {
        Some(hash) => store::visitors::by_token_hash(tx, hash)?,
        None => None,
    };
    let mut earlier: Vec<Contact> = match of_device {
        Some(contact) => store::contacts::get(tx, contact)?.into_iter().collect(),
        None => Vec::new(),
    };
    if let Some(email) = user.email.as_ref().filter(|_| user.email_verified) {
        let leads = store::contacts::by_email(tx, email)?;
        let is_new = |lead: &Contact| lead.email_verified && earlier.iter().all(|known| known.id != lead.id);
        let leads: Vec<Contact> = leads.into_iter().filter(is_new).collect();
        earlier.extend(leads);
    }
    earlier.retain(|contact| contact.is_there() && contact.role != ContactRole::User && contact.id != user.id);
    Ok(earlier)
}

/// Moves everything of `earlier` to the user; one with too many conversations stays beside them, as an agent finds it.
fn merge_or_leave(tx: &mut dyn WriteTx, earlier: &Contact, user: Contact, at: &At) -> store::Result<Contact> {
    match merge_in(tx, earlier, user.clone(), at) {
        Err(store::Error::Refused(_)) => Ok(user),
        merged => merged,
    }
}

/// What was proved of what a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing.
    None,
    /// Who it is, and perhaps that the address is theirs.
    Session { of_email: bool },
}

/// Takes over what the page says; only a proof changes a known address (MSG-13), and only one of the address itself makes it
/// verified (OBJ-23).
fn touch(contact: &mut Contact, facts: &Facts, proof: Proof, now: Millis) {
    let (proved, of_email) = match proof {
        Proof::None => (false, false),
        Proof::Session { of_email } => (true, of_email),
    };
    let email = facts.email.as_deref().and_then(Address::parse);
    if let Some(email) = email.filter(|_| proved || contact.email.is_none()) {
        if of_email || contact.email.as_ref() != Some(&email) {
            contact.email_verified = of_email;
            contact.email_claimed = !of_email;
        }
        contact.email = Some(email);
    }
    if let Some(at) = facts.signed_up_at_s.filter(|_| proved) {
        contact.signed_up_at = Some(Millis(at.saturating_mul(1_000)));
    }
    if let Some(unsubscribed) = facts.unsubscribed_from_emails.filter(|_| proved) {
        contact.choose_mail(unsubscribed, ChosenBy::Messenger, now);
    }
    let line = |text: &Option<String>| {
        text.as_deref().map(|text| clean::line(text, FACT_CHARS_MAX)).filter(|text| !text.is_empty())
    };
    if let Some(name) = facts.name.as_deref().map(clean::name).filter(|name| !name.is_empty()) {
        contact.name = Some(name);
    }
    contact.phone = line(&facts.phone).or(contact.phone.take());
    contact.avatar = line(&facts.avatar).filter(|url| url.starts_with("https://")).or(contact.avatar.take());
    contact.language_override = line(&facts.language_override).or(contact.language_override.take());
    for (name, value) in &facts.attributes {
        let known = contact.custom_attributes.contains_key(name);
        if known || (contact.custom_attributes.len() < FACTS_MAX && name.chars().count() <= FACT_CHARS_MAX) {
            contact.custom_attributes.insert(name.clone(), value.clone());
        }
    }
}

/// Saves what the visit changed. That somebody was here is noted now and then, and is no event: many sockets come back
/// at once after a restart.
fn keep(tx: &mut dyn WriteTx, known: Option<&Contact>, mut contact: Contact, at: &At) -> store::Result<Contact> {
    let changed = known != Some(&contact);
    let last_seen = contact.last_seen_at.replace(at.now);
    if changed {
        contact.updated_at = at.now;
        let acts = known.filter(|_| contact.role != ContactRole::Visitor).map(|known| acts(known, &contact));
        save(tx, &done_with(contact.clone(), &acts.unwrap_or_default(), at))?;
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

/// Why there is no session: what was claimed is refused, or the store does not answer.
fn unavailable(error: store::Error) -> NoSession {
    match error {
        store::Error::Refused(refusal) => NoSession::NotProved(refusal.to_string()),
        error => NoSession::Unavailable(error.to_string()),
    }
}
