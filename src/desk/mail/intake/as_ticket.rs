//! New mail to an address that makes tickets (TCK-10 h, `new_mail_as`).

use crate::desk::Inner;
use crate::desk::thread::draft::Draft;
use crate::desk::ticket::kinds::Kinds;
use crate::desk::ticket::kinds::NewFacet;
use crate::domain::address::Address;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::MULTILINE_CHARS_MAX;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

impl Inner {
    /// Makes the conversation that a person's mail just began a Customer ticket, where its address says so. Mail is asked
    /// for no attribute; a type that cannot be used leaves a conversation, since no mail is lost over a setting.
    pub(in crate::desk) fn mail_as_ticket(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        part: &Part,
        to: &Address,
        may_answer: bool,
        change: &Change,
    ) -> store::Result<()> {
        let support = self.settings.support_at(to);
        let Some(wanted) = support.and_then(|support| support.new_mail_as.as_deref()) else { return Ok(()) };
        let Some(ticket_type) = usable(&*tx, wanted)? else {
            tracing::warn!(address = %to, new_mail_as = wanted, "no Customer type of that name or id takes tickets");
            return Ok(());
        };
        let first_line = part.body_text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let title = draft.thread.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(first_line);
        let text = |text: &str, max: usize| Some(Value::Text(text.chars().take(max).collect()));
        let values = vec![
            (TITLE.to_owned(), text(title, STRING_CHARS_MAX)),
            (DESCRIPTION.to_owned(), text(&part.body_text, MULTILINE_CHARS_MAX)),
        ];
        let facet = NewFacet { values, state: None, created_via: CreatedVia::Email, obligation: None };
        // The submission mail answers the mail: nothing automatic may answer some (EML-28).
        draft.silent = !may_answer;
        // The submission mail goes to somebody who may be known only since this mail.
        change.contacts.iter().try_for_each(|contact| store::contacts::put(tx, contact))?;
        let kinds = Kinds::of(&*tx, ticket_type.id)?;
        self.convert_in(tx, draft, &kinds, facet, &Author::Bot)
    }
}

/// The Customer type of that id or name that takes new tickets.
fn usable(tx: &dyn ReadTx, wanted: &str) -> store::Result<Option<TicketType>> {
    let named = |known: &TicketType| known.id.to_string() == wanted || known.name == wanted;
    let fits = |known: &TicketType| known.category == Category::Customer && !known.archived && named(known);
    Ok(store::ticket_types::all(tx)?.into_iter().find(fits))
}
