//! Saved replies (API-27, API-51, DSK-9): their text. What else a macro does belongs to workflows, which are not there.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::thread::message::Body;
use crate::desk::thread::message::cleaned;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::MacroId;
use crate::domain::id::TeamId;
use crate::domain::macros::MACRO_NAME_CHARS_MAX;
use crate::domain::macros::MACRO_TEAMS_MAX;
use crate::domain::macros::Macro;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;

/// What is set about a macro; `None` leaves it alone.
#[derive(Clone, Debug, Default)]
pub struct MacroFacts {
    /// What agents choose it by.
    pub name: Option<String>,
    /// What it says.
    pub body: Option<Body>,
    /// Who may see it; empty for everyone.
    pub teams: Option<Vec<TeamId>>,
    /// Whether inbox and messenger offer it.
    pub available_on: Option<(bool, bool)>,
}

const READ: &[Scope] = &[Scope::ReadConversations, Scope::ReadTickets, Scope::Settings];

impl Desk {
    /// Every macro, the one that changed last first. Any scope that reads threads.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn macros(&self, caller: &Caller) -> Result<Vec<Macro>> {
        require(caller, READ)?;
        let mut all = self.inner.store.view(store::settings::macros)?;
        all.sort_by_key(|one| std::cmp::Reverse((one.updated_at, one.id)));
        Ok(all)
    }

    /// One macro. Any scope that reads threads.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn saved_macro(&self, caller: &Caller, id: MacroId) -> Result<Macro> {
        require(caller, READ)?;
        Ok(self.inner.store.view(|tx| known(tx, id))?)
    }

    /// Makes a macro, or changes the one of that id. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for name, body or teams; `Conflict` at the limit.
    pub async fn put_macro(&self, caller: &Caller, id: Option<MacroId>, facts: MacroFacts) -> Result<Macro> {
        require(caller, &[Scope::Settings])?;
        check(&facts)?;
        let body = facts.body.as_ref().map(cleaned).transpose()?;
        if body.as_ref().is_some_and(|(_, text)| text.trim().is_empty()) {
            return Err(Refusal::invalid("body", "a macro says something").into());
        }
        let at = At::of(&self.inner.clock);
        let put = self.inner.store.update(move |tx| {
            let mut saved = match id {
                Some(id) => known(tx, id)?,
                None => empty(&at),
            };
            for team in facts.teams.iter().flatten() {
                store::teams::get(tx, *team)?.filter(|team| !team.archived).ok_or_else(|| missing("team"))?;
            }
            if let Some((html, text)) = &body {
                (saved.body, saved.body_text) = (html.clone(), text.clone());
            }
            saved.name = facts.name.clone().unwrap_or(saved.name);
            saved.teams = facts.teams.clone().unwrap_or(saved.teams);
            (saved.in_inbox, saved.in_messenger) = facts.available_on.unwrap_or((saved.in_inbox, saved.in_messenger));
            saved.updated_at = at.now;
            store::settings::put_macro(tx, &saved)?;
            Ok(saved)
        });
        Ok(put.await?)
    }

    /// Takes a macro away. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_macro(&self, caller: &Caller, id: MacroId) -> Result<()> {
        require(caller, &[Scope::Settings])?;
        let deleted = self.inner.store.update(move |tx| {
            let saved = known(&*tx, id)?;
            store::settings::delete_macro(tx, &saved)
        });
        Ok(deleted.await?)
    }
}

fn known(tx: &dyn ReadTx, id: MacroId) -> store::Result<Macro> {
    store::settings::macro_of(tx, id)?.ok_or_else(|| missing("macro"))
}

fn empty(at: &At) -> Macro {
    Macro {
        id: MacroId(at.id()),
        name: String::new(),
        body: String::new(),
        body_text: String::new(),
        teams: Vec::new(),
        in_inbox: true,
        in_messenger: false,
        created_at: at.now,
        updated_at: at.now,
    }
}

fn check(facts: &MacroFacts) -> std::result::Result<(), Refusal> {
    let bad_name = |name: &String| {
        name.trim().is_empty() || name.chars().count() > MACRO_NAME_CHARS_MAX || name.chars().any(char::is_control)
    };
    if facts.name.as_ref().is_some_and(bad_name) {
        return Err(Refusal::invalid("name", format!("'name' takes 1 to {MACRO_NAME_CHARS_MAX} characters")));
    }
    if facts.teams.as_ref().is_some_and(|teams| teams.len() > MACRO_TEAMS_MAX) {
        return Err(Refusal::invalid("visible_to_team_ids", format!("at most {MACRO_TEAMS_MAX} teams")));
    }
    Ok(())
}
