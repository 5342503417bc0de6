//! Agents at work: how they look, who has what, when the house is open, what they are told.
//!
//! | file | operations |
//! |---|---|
//! | [`teams`], [`team_loads`], `handing_out` | teams, what their members have to do, who gets what, who is away |
//! | [`office_hours`] | when the house and its teams work |
//! | [`avatars`], [`profiles`] | agents' pictures; what they are, how they sign |
//! | [`agent_notices`] | agents told by mail of what they have not seen |
//! | [`alarms`] | what only people can mend, told to admins |
//! | [`macros`] | saved replies |
//! | `live` | the log as one agent may follow it |

pub mod agent_notices;
pub mod alarms;
pub mod avatars;
pub(in crate::desk) mod handing_out;
pub(crate) mod live;
pub mod macros;
pub mod office_hours;
pub mod profiles;
pub mod team_loads;
pub mod teams;
