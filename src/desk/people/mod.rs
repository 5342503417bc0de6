//! Contacts, their companies and what is known of them; who a messenger is.
//!
//! | file | operations |
//! |---|---|
//! | [`contacts`], [`contact_acts`], [`contact_merging`] | find, create, change; archive, block, delete; merge |
//! | [`visitors`], [`notes`] | who has no address yet; what agents noted of somebody |
//! | [`companies`], [`company_claims`] | companies, and who belongs to them |
//! | [`data_attributes`], [`data_events`] | declared facts; what contacts did in the customer's product |
//! | [`identity`], [`identity_keys`] | who a messenger is, by which keys it proves it |
//! | [`export`], [`erasure`] | a contact's data handed out, and taken away for good |

pub mod companies;
pub mod company_claims;
pub mod contact_acts;
pub mod contact_merging;
pub mod contacts;
pub mod data_attributes;
pub mod data_events;
pub mod erasure;
pub mod export;
pub mod identity;
pub mod identity_keys;
pub mod notes;
pub mod visitors;
