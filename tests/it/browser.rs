//! The widget in a real browser: Chromium on a page of another origin, against the daemon (MSG-1 to MSG-63).
//!
//! The cases are in `tests/browser/cases`, one function each; `tests/run` installs what they need.

use crate::support::browser;
use crate::support::gateway::Plan;

const SECRET: &str = "a secret of the widget in tests";

#[test]
fn the_widget_does_what_people_do_with_it() {
    let Some(mut node) = browser::suite() else { return };
    let mut gateway = Plan::default()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("notify.unseen_delay_s", "2")
        .start();
    let token = gateway.token();
    node.env("SECRET", SECRET);
    browser::run(node, &gateway, &token);
    gateway.finish();
}

#[test]
fn msg_20_spaces_are_on_or_off_for_visitors_and_for_users() {
    let Some(mut node) = browser::suite() else { return };
    let mut gateway = Plan::default()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("messenger.visitor_spaces", "messages, tickets")
        .set("messenger.user_spaces", "home")
        .set("messenger.portal_url", "https://example.com/portal")
        .start();
    let token = gateway.token();
    node.env("SECRET", SECRET).env("GROUP", "spaces");
    browser::run(node, &gateway, &token);
    gateway.finish();
}

#[test]
fn msg_16_an_address_is_required_before_the_first_message() {
    let Some(mut node) = browser::suite() else { return };
    let mut gateway = Plan::default()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("messenger.ask_email", "require")
        .start();
    let token = gateway.token();
    node.env("SECRET", SECRET).env("GROUP", "required");
    browser::run(node, &gateway, &token);
    gateway.finish();
}

#[test]
fn hrs_1_office_hours_and_words_from_right_to_left() {
    let Some(mut node) = browser::suite() else { return };
    let mut gateway = Plan::default()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("messenger.reply_time", "1 h")
        .set("messenger.ask_email", "off")
        .start();
    let token = gateway.token();
    node.env("SECRET", SECRET).env("GROUP", "hours");
    browser::run(node, &gateway, &token);
    gateway.finish();
}

#[test]
fn msg_46_a_daemon_that_restarts_under_open_tabs() {
    let Some(mut node) = browser::suite() else { return };
    let gateway = Plan::default()
        .steady()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("messenger.ask_email", "off")
        .start();
    node.env("SECRET", SECRET).env("GROUP", "drain");
    browser::run_ordering(node, gateway);
}
