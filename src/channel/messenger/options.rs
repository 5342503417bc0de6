//! What the messenger allows, and how patient it is.

use crate::channel::messenger::protocol::objects::FileLink;
use crate::domain::id::ContactId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Limits and times of the messenger; the defaults are PRODUCT's.
#[derive(Clone)]
pub struct Options {
    /// The first frame must come within this time.
    pub hello_within: Duration,
    /// A ping this often (MSG-47).
    pub ping_every: Duration,
    /// A client that is silent for so long is gone (MSG-47).
    pub silence_max: Duration,
    /// A batch of frames must be taken within this time (MSG-46).
    pub write_within: Duration,
    /// Sockets of the process.
    pub sockets_max: usize,
    /// Sockets of one contact (MSG-43).
    pub sockets_per_contact_max: usize,
    /// Messages of one contact in a minute (MSG-61).
    pub messages_per_minute: u32,
    /// New conversations of one contact in an hour (MSG-61).
    pub conversations_per_hour: u32,
    /// Forms of one contact in an hour (MSG-61).
    pub forms_per_hour: u32,
    /// Connects from one address in a minute (MSG-61).
    pub connects_per_minute: u32,
    /// Visitors from one address who become leads in an hour (MSG-61).
    pub leads_per_hour: u32,
    /// An agent's look at a conversation ends so long after their last signal (DSK-7).
    pub view_holds: Duration,
    /// Makes links to the files of parts.
    pub file_link: Option<Arc<FileLink>>,
    /// Makes passes for sending files ahead (MSG-60).
    pub upload_pass: Option<Arc<UploadPass>>,
    /// What the widget is told of the house.
    pub look: Look,
}

/// Makes a pass with which a contact may send files ahead for a while.
pub type UploadPass = dyn Fn(ContactId) -> String + Send + Sync;

/// What the widget is told of the house beside its name.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Words at the top of its home.
    pub greeting: Option<String>,
    /// How soon an answer is said to come (MSG-24).
    pub reply_time: ReplyTime,
    /// `ask`, `require` or `off` (MSG-16).
    pub ask_email: &'static str,
    /// Of `home`, `messages`, `tickets` those that visitors and leads see; none says all (MSG-20).
    pub visitor_spaces: Vec<&'static str>,
    /// The same for users.
    pub user_spaces: Vec<&'static str>,
    /// Where the portal is (MSG-20).
    pub portal_url: Option<String>,
}

/// Where the expected reply time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTime {
    /// From how soon recent conversations were answered.
    #[default]
    Measured,
    /// Always so many seconds.
    Set(u64),
    /// None is told.
    Off,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hello_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            silence_max: Duration::from_secs(60),
            write_within: Duration::from_secs(10),
            sockets_max: 10_000,
            sockets_per_contact_max: 10,
            messages_per_minute: 20,
            conversations_per_hour: 5,
            forms_per_hour: 10,
            connects_per_minute: 60,
            leads_per_hour: 20,
            view_holds: Duration::from_secs(60),
            file_link: None,
            upload_pass: None,
            look: Look::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("sockets_max", &self.sockets_max).finish_non_exhaustive()
    }
}
