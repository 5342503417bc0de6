//! From a delivery to a mail: looked at again, rendered, composed (DESIGN §5 "Agent's reply").

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::SupportAddress;
use crate::desk::mail::material::Material;
use crate::desk::mail::material::form_card;
use crate::desk::mail::material::held;
use crate::desk::mail::material::material;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::mail::outbox::Prepared;
use crate::desk::thread::views::TicketView;
use crate::domain::address::Address;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::id::PartId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::translation::Languages;
use crate::mail;
use crate::mail::compose::Automatic;
use crate::mail::compose::ListUnsubscribe;
use crate::mail::compose::Outgoing;
use crate::mail::compose::OutgoingFile;
use crate::mail::message::NamedAddress;
use crate::mail::message::attachment_bytes;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::Principal;
use crate::mail::message_id::ReplyClaims;
use crate::mail::message_id::StopClaims;
use crate::template::view;
use crate::template::view::Notice;

/// Files that go with a mail itself, together; the others are linked (BRC-1).
const FILES_BYTES_MAX: u64 = 10 * 1_024 * 1_024;
/// So much of a message said before is repeated.
const EARLIER_CHARS_MAX: usize = 500;

impl Desk {
    /// Renders and composes a leased delivery, after looking again whether it is still wanted: seen meanwhile (EML-72),
    /// removed (PAR-4), blocked, the state gone back (NTF-11).
    ///
    /// # Errors
    /// When store or blobs cannot be read. What cannot be rendered or composed is a verdict, not an error.
    pub fn prepare(&self, delivery: &Delivery) -> Result<Prepared> {
        Ok(match self.prepared(delivery)? {
            Prepared::Send(mail) if self.inner.is_suppressed(delivery, &mail.recipient)? => {
                Prepared::Settle(Verdict::Skipped(SkipReason::Suppressed))
            }
            prepared => prepared,
        })
    }

    fn prepared(&self, delivery: &Delivery) -> Result<Prepared> {
        if let DeliveryKind::BroadcastTest { broadcast } = &delivery.kind {
            return self.inner.prepare_test(delivery, *broadcast);
        }
        if let DeliveryKind::AgentNotice { news } = &delivery.kind {
            return self.inner.prepare_notice(delivery, news);
        }
        if !self.inner.settings.mail_contacts {
            return Ok(Prepared::Settle(Verdict::Skipped(SkipReason::MailOff)));
        }
        if let Some(verdict) = self.inner.store.view(|tx| held(tx, delivery))? {
            return Ok(Prepared::Settle(verdict));
        }
        let found = self.inner.store.view(|tx| material(tx, delivery))?;
        let material = match found {
            Ok(material) => material,
            Err(reason) => return Ok(Prepared::Settle(Verdict::Skipped(reason))),
        };
        let Some(recipient) = material.contact.email.clone() else {
            return Ok(Prepared::Settle(Verdict::Skipped(SkipReason::NoAddress)));
        };
        let composed = self.inner.compose(delivery, &material, &recipient);
        Ok(match composed? {
            Ok(mail) => Prepared::Send(mail),
            Err(reason) => Prepared::Settle(Verdict::Failed { reason }),
        })
    }
}

impl Inner {
    fn compose(
        &self,
        delivery: &Delivery,
        material: &Material,
        recipient: &Address,
    ) -> Result<std::result::Result<OutgoingMail, String>> {
        Ok(match self.outgoing(delivery, material, recipient)? {
            Ok(outgoing) => self.written(delivery, &material.thread, recipient, &outgoing),
            Err(reason) => Err(reason),
        })
    }

    /// The mail before it is written down.
    pub(crate) fn outgoing(
        &self,
        delivery: &Delivery,
        material: &Material,
        recipient: &Address,
    ) -> Result<std::result::Result<Outgoing, String>> {
        let support = self.support_address(&material.thread);
        let notice = self.notice(delivery, material);
        let rendered = match self.templates.current().email_of(self.brand_id(&material.thread), &notice) {
            Ok(rendered) => rendered,
            Err(error) => return Ok(Err(format!("cannot be rendered: {error}"))),
        };
        if let Some(error) = &rendered.fell_back {
            tracing::warn!(delivery = %delivery.id, %error, "the overriding template failed; the built-in one was used");
        }
        let Some(message_id) = MsgId::parse(&delivery.message_id) else {
            return Ok(Err("has no Message-ID".to_owned()));
        };
        let claims = ReplyClaims { thread: delivery.thread, principal: Principal::Contact(delivery.contact) };
        let reply_to = self.keys.reply_address(&support.address, claims);
        let outgoing = Outgoing {
            from: from(support, material.agent_name.as_deref()),
            reply_to: reply_to.map(|address| NamedAddress { name: support.name.clone(), address }),
            to: if material.to.is_empty() { vec![recipient_of(material, recipient)] } else { material.to.clone() },
            cc: material.others.clone(),
            subject: own_subject(material).unwrap_or(rendered.subject),
            message_id,
            in_reply_to: material.in_reply_to.clone(),
            references: material.references.clone(),
            date: delivery.created_at,
            text: rendered.text,
            html: Some(rendered.html),
            automatic: if delivery.kind.is_automatic() { Automatic::Generated } else { Automatic::No },
            list_unsubscribe: self.list_unsubscribe(material),
            marker: self.keys.marker(delivery.id),
            files: self.files(&attached(&material.parts).0)?,
        };
        Ok(Ok(outgoing))
    }

    /// The mail as bytes, with its envelope.
    pub(crate) fn written(
        &self,
        delivery: &Delivery,
        thread: &Thread,
        recipient: &Address,
        outgoing: &Outgoing,
    ) -> std::result::Result<OutgoingMail, String> {
        let support = self.support_address(thread);
        let bytes = mail::compose::compose(outgoing).map_err(|error| format!("cannot be composed: {error}"))?;
        let signed = self.settings.signers.sign(&outgoing.from.address, bytes);
        let bytes = signed.map_err(|error| format!("cannot be signed: {error}"))?;
        let bounces = self.keys.bounce_address(&support.address, delivery.id);
        Ok(OutgoingMail {
            delivery: delivery.id,
            reverse_path: bounces.unwrap_or_else(|| support.address.clone()),
            recipient: recipient.clone(),
            message_id: delivery.message_id.clone(),
            bytes,
        })
    }

    /// The ways to stop mail about an issue, on a broadcast's mail (BRC-50, EML-80). RFC 8058 asks for https: without it the
    /// mail says only how to stop by mail.
    fn list_unsubscribe(&self, material: &Material) -> Option<ListUnsubscribe> {
        let broadcast = material.broadcast.as_ref()?;
        let (contact, tracker) = (material.contact.id, broadcast.tracker);
        let support = self.support_address(&material.thread);
        let mailto = self.keys.stop_address(&support.address, StopClaims { contact, ticket: tracker });
        let url = Some(self.stop_url(contact, tracker)).filter(|url| url.starts_with("https://"));
        let ways = ListUnsubscribe { url, mailto: mailto.map(|address| address.to_string()) };
        (ways.url.is_some() || ways.mailto.is_some()).then_some(ways)
    }

    fn notice(&self, delivery: &Delivery, material: &Material) -> Notice {
        let about = self.about(material);
        let email_thread = material.thread.initial_channel == ChannelKind::Email;
        match &delivery.kind {
            DeliveryKind::Reply { .. } => Notice::AgentReply(view::AgentReply {
                about,
                email_thread,
                parts: material.parts.iter().map(|part| self.shown_with_links(part, material)).collect(),
                earlier: material.earlier.iter().map(|part| in_short(self.part_shown(part, material))).collect(),
                signature: if email_thread { self.signed_by_writer(material) } else { view::Body::default() },
            }),
            DeliveryKind::TicketSubmitted => Notice::TicketSubmitted(view::TicketSubmitted {
                description: description(material),
                message: submitted_message(material, &about.lang, &self.settings.default_locale),
                about,
            }),
            DeliveryKind::TicketStateChanged { .. } => {
                let languages = Languages::of([about.lang.as_str()], &self.settings.default_locale);
                let label = |state: &TicketState| state.label_in(&languages).to_owned();
                let previous_state = material.previous_state.as_ref().map(label);
                Notice::TicketStateChanged(view::TicketStateChanged { about, previous_state, parts: Vec::new() })
            }
            DeliveryKind::FormSent { part } => Notice::FormSent(view::FormSent {
                form_name: form_name(material, &about.lang, &self.settings.default_locale),
                about: view::About { url: self.hosted_form(*part, material), ..about },
                email_thread,
            }),
            DeliveryKind::AutoAck { .. } => Notice::AutoAck(view::AutoAck { about }),
            // What it tells is read by `agent_notices::mail`, which makes such mails.
            DeliveryKind::AgentNotice { .. } => {
                Notice::AgentNotice(view::AgentNotice { about, ..view::AgentNotice::default() })
            }
            DeliveryKind::Broadcast { .. } | DeliveryKind::BroadcastTest { .. } => {
                let part = material.parts.first();
                let linked = attached(&material.parts).1.into_iter();
                let files = linked.filter_map(|(part, file)| self.linked_file(part, file)).collect();
                Notice::TrackerBroadcast(view::TrackerBroadcast {
                    about,
                    subject: material.broadcast.as_ref().map(|broadcast| broadcast.subject.clone()),
                    email_thread,
                    body_html: part.map(body_html).unwrap_or_default(),
                    body_text: part.map(|part| view::CleanText::new(&part.body_text)).unwrap_or_default(),
                    files,
                })
            }
        }
    }

    /// A part with links to those of its files that do not go with the mail: none is left out without a word.
    fn shown_with_links(&self, part: &Part, material: &Material) -> view::Part {
        let linked = attached(&material.parts).1.into_iter().filter(|(of, _)| *of == part.id);
        let links = linked.filter_map(|(of, file)| self.linked_file(of, file));
        links.fold(self.part_shown(part, material), |shown, file| view::Part {
            body_html: shown.body_html.with_link(&file),
            body_text: shown.body_text.with_link(&file),
            ..shown
        })
    }

    fn part_shown(&self, part: &Part, material: &Material) -> view::Part {
        let (author_name, agent) = match &part.author {
            Author::Agent { id, name } => (Some(name.clone()), material.agents.get(id)),
            Author::Contact { name, .. } => (Some(name.clone()), None),
            Author::Bot => (None, None),
        };
        let avatar = agent.and_then(|agent| Some(self.avatar_address(agent.id, agent.avatar.as_ref()?)));
        view::Part {
            author_name,
            avatar: avatar.as_deref().and_then(view::WebUrl::parse),
            from_agent: part.author.contact().is_none(),
            body_html: body_html(part),
            body_text: view::CleanText::new(&part.body_text),
            sent_at: Some(part.created_at.0),
        }
    }

    /// The signature of who wrote last.
    fn signed_by_writer(&self, material: &Material) -> view::Body {
        let agent_of = |part: &Part| match &part.author {
            Author::Agent { id, .. } => material.agents.get(id),
            Author::Contact { .. } | Author::Bot => None,
        };
        let writer = material.parts.iter().rev().find_map(agent_of);
        let (support, brand_name) = (self.support_address(&material.thread), self.brand_name(&material.thread));
        writer.map(|writer| self.signature(writer, support, &brand_name)).unwrap_or_default()
    }

    fn linked_file(&self, part: PartId, file: &Attachment) -> Option<view::File> {
        let url = view::WebUrl::parse(&self.file_links.link_in_mail(part, file.id, self.clock.now()))?;
        Some(view::File { name: file.name.clone(), url })
    }

    /// The page on which the recipient began the conversation, with it open there. Only to pages that the configuration names: who
    /// opens a socket can name any (MSG-48).
    fn way_back(&self, material: &Material) -> Option<view::WebUrl> {
        let thread = &material.thread;
        let page = thread.page.as_ref().filter(|_| thread.primary_contact() == Some(material.contact.id))?;
        let is_known = self.settings.page_origins.iter().any(|origin| origin == page.origin());
        is_known.then(|| page.link(thread.id)).as_deref().and_then(view::WebUrl::parse)
    }

    fn hosted_form(&self, card: PartId, material: &Material) -> Option<view::WebUrl> {
        self.form_url(card, &material.contact).as_deref().and_then(view::WebUrl::parse)
    }

    fn brand_id(&self, thread: &Thread) -> Option<&str> {
        self.brand(thread).map(|brand| brand.id.as_str())
    }

    fn about(&self, material: &Material) -> view::About {
        let ticket = material.subject().ticket.as_ref().zip(material.ticket.as_ref());
        let lang = self.language(material.contact.language_override.as_deref(), Some(&material.thread)).to_owned();
        let languages = Languages::of([lang.as_str()], &self.settings.default_locale);
        view::About {
            lang,
            time_zone: self.settings.time_zone.clone(),
            workspace: view::Named { name: Some(self.settings.workspace_name.clone()) },
            brand: view::Named { name: Some(self.brand_name(&material.thread)) },
            contact: contact_view(&material.contact),
            agent: agent_view(material.agent_name.as_deref()),
            thread: view::Thread { id: Some(material.thread.id.to_string()), title: material.thread.title.clone() },
            ticket: ticket.map_or_else(view::Ticket::default, |(ticket, kinds)| view::Ticket {
                number: Some(ticket.number),
                title: material.subject().title.clone(),
                state: Some(kinds.state.label_in(&languages).to_owned()),
                category: Some(kinds.state.category),
                type_name: Some(kinds.ticket_type.clone().in_languages(&languages).name),
            }),
            url: self.way_back(material),
            stop_url: material
                .stoppable
                .and_then(|ticket| view::WebUrl::parse(&self.stop_url(material.contact.id, ticket))),
        }
    }

    fn files(&self, attached: &[&Attachment]) -> Result<Vec<OutgoingFile>> {
        let mut files = Vec::new();
        for attachment in attached {
            let blob = self.blobs.get_blocking(attachment.source.blob())?;
            let bytes = match attachment.source {
                AttachmentSource::Blob(_) => Some(blob),
                AttachmentSource::MailPart { part, .. } => {
                    usize::try_from(part).ok().and_then(|part| attachment_bytes(&blob, part))
                }
            };
            files.extend(bytes.map(|bytes| OutgoingFile {
                name: attachment.name.clone(),
                content_type: attachment.content_type.clone(),
                bytes,
                content_id: attachment.content_id.clone(),
            }));
        }
        Ok(files)
    }
}

fn recipient_of(material: &Material, address: &Address) -> NamedAddress {
    NamedAddress { name: material.contact.name.clone().unwrap_or_default(), address: address.clone() }
}

/// The subject its writer gave the mail.
fn own_subject(material: &Material) -> Option<String> {
    material.parts.iter().find_map(|part| part.mailing.as_ref()?.subject.clone())
}

/// The files that go with a mail, and those that it links to: what is shown within the text always goes with it, of the
/// others what fits.
fn attached(parts: &[Part]) -> (Vec<&Attachment>, Vec<(PartId, &Attachment)>) {
    let (mut attached, mut linked, mut total) = (Vec::new(), Vec::new(), 0_u64);
    for (part, file) in parts.iter().flat_map(|part| part.attachments.iter().map(|file| (part.id, file))) {
        let with_it = total.saturating_add(file.size);
        if with_it <= FILES_BYTES_MAX {
            total = with_it;
            attached.push(file);
        } else {
            linked.push((part, file));
        }
    }
    (attached, linked)
}

/// What the form is called in the mail's language; as it was called when it was sent, where its type has another name by now.
fn form_name(material: &Material, lang: &str, written: &str) -> Option<String> {
    let card = form_card(&material.parts)?;
    let known = material.form.as_ref().filter(|known| known.name == card.type_name);
    let spoken = known.map(|known| known.clone().in_languages(&Languages::of([lang], written)).name);
    Some(spoken.unwrap_or_else(|| card.type_name.clone()))
}

/// "Agent name (Support name)", or the support name alone (EML-60).
fn from(support: &SupportAddress, agent: Option<&str>) -> NamedAddress {
    let name = agent.map_or_else(|| support.name.clone(), |agent| format!("{agent} ({})", support.name));
    NamedAddress { name, address: support.address.clone() }
}

pub(crate) fn contact_view(contact: &Contact) -> view::Person {
    view::Person { first_name: contact.first_name().map(str::to_owned), name: contact.name.clone() }
}

pub(crate) fn agent_view(name: Option<&str>) -> view::Person {
    let first_name = name.and_then(|name| name.split_whitespace().next()).map(str::to_owned);
    view::Person { first_name, name: name.map(str::to_owned) }
}

fn body_html(part: &Part) -> view::CleanHtml {
    view::CleanHtml::already_clean(part.body_html.clone())
}

/// A message that is repeated: what is long is cut.
fn in_short(part: view::Part) -> view::Part {
    let text = part.body_text.as_str();
    let Some((end, _)) = text.char_indices().nth(EARLIER_CHARS_MAX) else { return part };
    let cut = format!("{} …", text.get(..end).unwrap_or_default().trim_end());
    view::Part { body_html: view::CleanHtml::from_text(&cut), body_text: view::CleanText::new(&cut), ..part }
}

/// In the mail's language, as everything in it.
fn submitted_message(material: &Material, lang: &str, written: &str) -> Option<String> {
    let languages = Languages::of([lang], written);
    let spoken = |kinds: &TicketView| kinds.ticket_type.clone().in_languages(&languages).settings.submitted_message;
    let message = material.ticket.as_ref().map(spoken);
    message.filter(|message| !message.trim().is_empty())
}

fn description(material: &Material) -> view::Body {
    let ticket = material.subject().ticket.as_ref().zip(material.ticket.as_ref());
    match ticket.and_then(|(ticket, kinds)| ticket.value(&kinds.ticket_type, DESCRIPTION)) {
        Some(Value::Text(text)) => {
            view::Body { body_html: view::CleanHtml::from_text(text), body_text: view::CleanText::new(text) }
        }
        _ => view::Body::default(),
    }
}
