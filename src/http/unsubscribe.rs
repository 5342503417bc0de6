//! `/unsubscribe/{token}`: where the link and the button in a broadcast's mail lead (BRC-50, BRC-51, RFC 8058), and the link in mails about
//! a ticket (EML-80).
//!
//! **Invariant:** GET shows how it stands and changes nothing, whoever follows the link; POST acts at once, without sign-in,
//! cookie or redirect. The page names no contact, no ticket and no text: who holds a forwarded mail learns nothing here.

use crate::desk;
use crate::desk::broadcasts::stopping::StopAct;
use crate::desk::broadcasts::stopping::Stoppable;
use crate::desk::broadcasts::stopping::Stops;
use crate::desk::ticket::translations::PageTexts;
use crate::desk::ticket::translations::Sentence;
use crate::http::Api;
use crate::http::html::escaped;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use http_body_util::Limited;

/// Largest body looked at; what is longer is not ours and stops like any other.
const BODY_BYTES_MAX: usize = 16 * 1_024;
/// Nothing from elsewhere, nothing that runs, no frames; the page's own style and its forms.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1f2733;--soft:#667080;--ground:#f2f4f7;--card:#fff;--rule:#dfe3e8;--act:#1f5fd0}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a5adb8;--ground:#14171c;--card:#1f242b;--rule:#333a44;\
--act:#8ab4f8}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:32rem;margin:10vh auto;padding:2rem;background:var(--card);border:1px solid var(--rule);border-radius:12px}\
h1{margin:0 0 .5rem;font-size:1.25rem}p{margin:0 0 1rem}.soft{color:var(--soft);font-size:.9rem}\
section{border-top:1px solid var(--rule);margin-top:1.5rem;padding-top:1.5rem}\
button{font:inherit;padding:.6rem 1.1rem;border-radius:8px;border:1px solid var(--act);background:var(--act);\
color:var(--card);cursor:pointer}button.quiet{background:none;color:var(--act)}\
button:focus-visible{outline:3px solid var(--act);outline-offset:2px}";

/// The routes below `/unsubscribe`.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/{token}", get(show).post(act))
}

async fn show(State(api): State<Api>, Path(token): Path<String>) -> Response {
    let desk = api.desk.clone();
    let stops = tokio::task::spawn_blocking(move || desk.stops(&token)).await;
    let stops = stops.unwrap_or_else(|fault| Err(desk::Error::Unavailable(fault.to_string())));
    answer(&api, &stops)
}

async fn act(State(api): State<Api>, Path(token): Path<String>, body: Body) -> Response {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    let stops = api.desk.act_on_stops(&token, asked(&body)).await;
    answer(&api, &stops)
}

/// What a POST asks for. A mail program sends `List-Unsubscribe=One-Click` as a form of either kind (RFC 8058 §3.2); the
/// page sends `act`. Whatever else comes stops: whoever posts here wants that.
fn asked(body: &[u8]) -> StopAct {
    let text = String::from_utf8_lossy(body);
    match text.split('&').find_map(|field| field.strip_prefix("act=")) {
        Some("resume") => StopAct::Resume,
        Some("stop_all") => StopAct::StopAll,
        Some("resume_all") => StopAct::ResumeAll,
        Some(_) | None => StopAct::Stop,
    }
}

fn answer(api: &Api, stops: &desk::Result<Stops>) -> Response {
    let unknown = || (api.desk.settings().workspace_name.clone(), api.desk.page_texts());
    let (name, texts) =
        stops.as_ref().map_or_else(|_| unknown(), |stops| (stops.brand_name.clone(), stops.texts.clone()));
    let (status, text) = match stops {
        Ok(stops) => (StatusCode::OK, standing(stops)),
        Err(desk::Error::Refused(_)) => {
            (StatusCode::NOT_FOUND, words(&texts, Sentence::LinkBroken, Sentence::LinkBrokenText))
        }
        Err(desk::Error::Unavailable(_) | desk::Error::Full) => {
            (StatusCode::SERVICE_UNAVAILABLE, words(&texts, Sentence::Later, Sentence::LaterStop))
        }
    };
    let (lang, title) = (escaped(texts.lang()), escaped(&texts.with(Sentence::MailFrom, &name)));
    let name = escaped(&name);
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>{text}\
         <p class=\"soft\">{name}</p></main></body></html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
    ];
    (status, headers, page).into_response()
}

fn standing(stops: &Stops) -> String {
    let texts = &stops.texts;
    let [on, on_text, stop, off, resume] = match stops.about {
        Stoppable::Issue => {
            [Sentence::IssueOn, Sentence::IssueOnText, Sentence::IssueStop, Sentence::IssueOff, Sentence::IssueResume]
        }
        Stoppable::Ticket => [
            Sentence::TicketOn,
            Sentence::TicketOnText,
            Sentence::TicketStop,
            Sentence::TicketOff,
            Sentence::TicketResume,
        ],
    };
    let one = if stops.stopped {
        words(texts, off, Sentence::StillAnswered) + &button(texts, "resume", resume, true)
    } else {
        words(texts, on, on_text) + &button(texts, "stop", stop, false)
    };
    if stops.about == Stoppable::Ticket {
        return one;
    }
    let all = if stops.all {
        let text = words(texts, Sentence::AllOff, Sentence::StillAnswered);
        text + &button(texts, "resume_all", Sentence::AllResume, true)
    } else {
        let text = words(texts, Sentence::AllOn, Sentence::AllOnText);
        text + &button(texts, "stop_all", Sentence::AllStop, true)
    };
    format!("{one}<section>{all}</section>")
}

fn words(texts: &PageTexts, title: Sentence, text: Sentence) -> String {
    format!("<h1>{}</h1><p>{}</p>", escaped(&texts.say(title)), escaped(&texts.say(text)))
}

fn button(texts: &PageTexts, act: &str, label: Sentence, quiet: bool) -> String {
    let class = if quiet { " class=\"quiet\"" } else { "" };
    let label = escaped(&texts.say(label));
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"act\" value=\"{act}\">\
         <button type=\"submit\"{class}>{label}</button></form>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brc_50_a_post_stops_unless_the_page_says_otherwise() {
        let multipart =
            b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        for body in [&b"List-Unsubscribe=One-Click"[..], multipart, b"", b"act=stop", b"\xff", b"act=other"] {
            assert_eq!(asked(body), StopAct::Stop);
        }
        assert_eq!(asked(b"act=resume"), StopAct::Resume);
        assert_eq!(asked(b"act=stop_all"), StopAct::StopAll);
        assert_eq!(asked(b"act=resume_all"), StopAct::ResumeAll);
    }
}
