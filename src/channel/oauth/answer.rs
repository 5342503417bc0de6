//! What a token endpoint answers (RFC 6749 §5).

use crate::channel::oauth::app::App;
use crate::channel::oauth::request::Answered;
use crate::channel::oauth::request::post_form;
use crate::mail::clean;
use serde::Deserialize;

/// Longest word or description of a provider that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;
/// Lifetime of an access token whose server says nothing about it, in seconds.
const EXPIRES_IN_S_DEFAULT: u64 = 300;
/// Errors after which asking again helps only when a person did something (RFC 6749 §5.2, OpenID Connect §3.1.2.6).
const FOR_PEOPLE: [&str; 8] = [
    "invalid_grant",
    "invalid_client",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
    "interaction_required",
    "consent_required",
];

/// Tokens a server gave.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_in: Option<u64>,
}

impl Tokens {
    /// How long the access token lives, in seconds.
    pub(super) fn lives_s(&self) -> u64 {
        self.expires_in.unwrap_or(EXPIRES_IN_S_DEFAULT)
    }
}

/// Why a server gave no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It refused; the error's word, and words for people.
    Refused { error: String, words: String },
    /// It cannot be asked now, or speaks no sense.
    Passing(String),
}

impl Denied {
    /// Whether asking again is of no use until a person did something.
    pub(super) fn is_for_people(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if FOR_PEOPLE.contains(&error.as_str()))
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Refused { words, .. } | Self::Passing(words) => words.clone(),
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Asks the token endpoint.
pub(super) async fn ask_for_tokens(app: &App, mut fields: Vec<(&'static str, String)>) -> Result<Tokens, Denied> {
    fields.extend(app.named());
    let answered = post_form(&app.token_url, &fields, &app.extra_roots).await.map_err(Denied::Passing)?;
    let tokens: Tokens = read(answered)?;
    let sound = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if sound(&tokens.access_token) && tokens.refresh_token.as_deref().is_none_or(sound) {
        Ok(tokens)
    } else {
        Err(Denied::Passing("a token holds characters that no token holds".to_owned()))
    }
}

/// Reads an answer in JSON; nothing of one that cannot be read is shown, since it may hold tokens.
pub(super) fn read<T: for<'a> Deserialize<'a>>((status, body): Answered) -> Result<T, Denied> {
    if status == 200 {
        return serde_json::from_slice(&body)
            .map_err(|_| Denied::Passing("the token server's answer cannot be read".to_owned()));
    }
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) if (400..500).contains(&status) && status != 429 => {
            let error = clean::line(&refusal.error, SHOWN_CHARS_MAX);
            let description = refusal.error_description.map(|text| clean::line(&text, SHOWN_CHARS_MAX));
            let words = description.map_or_else(|| error.clone(), |text| format!("{error}: {text}"));
            Err(Denied::Refused { error, words })
        }
        _ => Err(Denied::Passing(format!("the token server answers {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_6_only_some_refusals_are_for_people() {
        let denied = |status, body: &str| read::<Tokens>((status, body.as_bytes().to_vec())).err().unwrap();
        let refused = denied(400, r#"{"error":"invalid_grant","error_description":"revoked\r\nby you"}"#);
        assert!(refused.is_for_people() && refused.words().starts_with("invalid_grant: revoked"), "{refused:?}");
        assert!(!refused.words().contains('\n'));
        for (status, body) in [
            (503, r#"{"error":"invalid_grant"}"#),
            (429, r#"{"error":"invalid_grant"}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (500, "<html>"),
            (200, "not json: secret-token"),
            (302, ""),
        ] {
            let denied = denied(status, body);
            assert!(!denied.is_for_people() && !denied.words().contains("secret"), "{denied:?}");
        }
    }
}
