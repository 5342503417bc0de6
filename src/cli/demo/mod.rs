//! `deskgate demo`: a daemon on fresh data, with real traffic played through its own doors.
//!
//! | file | what |
//! |---|---|
//! | `ground` | where it happens: data directory, free ports, configuration |
//! | `stage`, `http`, `lmtp`, `socket`, `letters` | clients over TCP, and what they say |
//! | `opening`, `mail`, `messenger`, `reply`, `tickets`, `tracker` | the steps |
//! | `answer`, `telling` | reading JSON, showing what was measured |
//!
//! **Invariant:** everything is checked from outside, by LMTP, websockets and HTTP; only the agent, their token and the
//! final check of the store go through the control socket, as they do for every command. A step whose result is not as it
//! should be ends the demonstration with exit code 1.

mod answer;
mod ground;
mod http;
mod letters;
mod lmtp;
mod mail;
mod messenger;
mod opening;
mod reply;
mod socket;
mod stage;
mod telling;
mod tickets;
mod tracker;

use crate::cli::Context;
use crate::cli::Global;
use crate::cli::demo::ground::Ground;
use crate::cli::demo::opening::Agent;
use crate::cli::demo::socket::Socket;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Telling;
use crate::clock;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;
use std::time::Instant;

/// Plays the demonstration and stays up until it is told to stop.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    if context.global.config.is_some() {
        return Err(Failure::new(Exit::Usage, "the demonstration has its own configuration; leave --config out"));
    }
    let began_at = clock::instant();
    let ground = Ground::prepare(context.global.data.as_deref())?;
    let telling = Telling::new(context.screen);
    telling.title(&ground)?;
    let (daemon, stage) = telling.step("daemon ready", opening::begin(&ground)).await?;
    let own = Context {
        global: Global { config: None, data: Some(ground.data_dir.clone()), json: context.global.json },
        environment: ground.environment.clone(),
        screen: context.screen,
    };
    let drain = daemon.drain();
    let mut serving = Box::pin(daemon.until_stopped());
    let playing = Box::pin(async {
        let cast = play(&own, stage, &telling).await?;
        close(&cast, &ground, &telling, began_at)?;
        Ok(cast)
    });
    let played = tokio::select! {
        biased;
        ended = &mut serving => return ended,
        // Told to stop in the middle of it: what a step then says is of no interest.
        () = drain.cancelled() => None,
        played = playing => Some(played),
    };
    match played {
        None => serving.await?,
        Some(Ok(cast)) => {
            // The sockets stay open, as those of customers would.
            let listening = futures_util::future::join_all(cast.sockets.into_iter().map(Socket::listen));
            let (ended, _) = tokio::join!(serving, listening);
            ended?;
        }
        Some(Err(failure)) => {
            drain.cancel();
            serving.await?;
            return Err(failure);
        }
    }
    telling.stopped(&ground)
}

/// Who is left on the stage when the curtain falls.
struct Cast {
    stage: Stage,
    agent: Agent,
    sockets: Vec<Socket>,
}

/// The steps, in order; each builds on what the ones before left.
async fn play(context: &Context, stage: Stage, telling: &Telling) -> Result<Cast, Failure> {
    let agent = telling.step("agent and token", opening::people(context)).await?;
    let stage = stage.signed_in(&agent.token);
    let inbox = telling.step("mail in by LMTP", mail::take_in(&stage)).await?;
    let mut talk = telling.step("messenger sockets", messenger::meet(&stage)).await?;
    telling.step("messenger replies", messenger::talk(&stage, &mut talk)).await?;
    telling.step("a socket cut off", messenger::cut_and_resume(&stage, &mut talk)).await?;
    telling.step("reply by mail", reply::answer_each_other(&stage, &inbox.login)).await?;
    telling.step("Customer ticket", tickets::convert(&stage, &inbox.sign_in)).await?;
    telling.step("Back-office ticket", tickets::link_back_office(&stage, &mut talk.user)).await?;
    let incident = telling.step("Tracker", tracker::link(&stage, &inbox, &talk)).await?;
    telling.step("broadcast", tracker::broadcast(&stage, &incident, &mut talk.user)).await?;
    telling.step("store verifies", opening::verify(context)).await?;
    let sockets = talk.sockets();
    Ok(Cast { stage, agent, sockets })
}

/// Where to look, who to sign in as, what to try.
fn close(cast: &Cast, ground: &Ground, telling: &Telling, began_at: Instant) -> Result<(), Failure> {
    let at = &cast.stage;
    let (public, data) = (&ground.config.http.public_url, ground.shown_data_dir());
    let urls = [
        ("API", format!("{public}/api")),
        ("Messenger", format!("ws://{}/messenger/ws", at.http)),
        ("Captured mail", format!("{public}/dev/mail")),
        ("Operations", format!("http://{}/metrics", at.ops)),
        ("Mail in", format!("lmtp {}, smtp {}", at.lmtp, at.smtp)),
        ("Data", data.clone()),
        ("Log", "warnings and errors on standard error".to_owned()),
        ("Sign-in", cast.agent.email.clone()),
        ("API token", cast.agent.token.clone()),
    ];
    let program = ground::quoted(&ground::program());
    let quoted_data = ground::quoted(&data);
    let commands = [
        format!("curl -H 'Authorization: Bearer {}' '{public}/api/conversations?per_page=5'", cast.agent.token),
        format!("{program} status --data {quoted_data}"),
        format!("{program} trace {} --data {quoted_data}", letters::CHEN),
    ];
    let object = json!({
        "step": "up", "ok": true, "pid": std::process::id(), "took_ms": telling::ms(began_at.elapsed()),
        "api": format!("{public}/api"), "messenger": format!("ws://{}/messenger/ws", at.http),
        "captured_mail": format!("{public}/dev/mail"), "metrics": format!("http://{}/metrics", at.ops),
        "lmtp": at.lmtp.to_string(), "smtp": at.smtp.to_string(), "data": data,
        "agent": cast.agent.email, "token": cast.agent.token, "try": commands,
    });
    telling.up(&urls, &commands, &object, began_at.elapsed())
}
