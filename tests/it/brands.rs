//! A brand with templates of its own, over the whole program (OBJ-11, I18-2, P25).

use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use std::fs;

const BRAND: &str = "[[brand]]\nid = \"acme\"\nname = \"Acme\"\n[[support]]\naddress = \"help@acme.example\"\nbrand = \"acme\"\n\
                     [templates]\ndir = \"templates\"\n";

/// Writes a file below the templates.
fn template(gateway: &Gateway, path: &str, text: &str) {
    let path = gateway.dir().join("templates").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn obj_11_a_brand_has_templates_of_its_own_checked_at_the_start_and_at_each_reload() {
    let mut gateway = Plan::default().toml(BRAND).prepare();
    let subject = "brands/acme/email/agent_reply/subject.hbs";
    template(&gateway, "locales/en.ftl", "state = Condition\n");
    template(&gateway, subject, "Acme {{t \"state\"}}");
    let by_command = gateway.cli_json(&["template", "preview", "agent_reply", "--brand", "acme"]);
    assert_eq!(by_command["subject"], "Acme Condition");
    assert!(gateway.cli(&["template", "list"]).contains(subject));
    assert_eq!(gateway.run(&["template", "preview", "agent_reply", "--brand", "zoo"]).status.code(), Some(78));
    gateway.up();
    let shown = |gateway: &mut Gateway, query: &str| {
        let path = format!("/api/templates/agent_reply/preview{query}");
        gateway.api("GET", &path, None).expect(200)["subject"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(&mut gateway, "?brand=acme"), "Acme Condition");
    assert_ne!(shown(&mut gateway, ""), "Acme Condition", "the house has its own");
    gateway.api("GET", "/api/templates/agent_reply/preview?brand=zoo", None).expect(404);
    let brands = gateway.api("GET", "/api/brands", None).expect(200)["data"].clone();
    assert_eq!((&brands[1]["id"], &brands[1]["name"]), (&"acme".into(), &"Acme".into()), "{brands}");
    assert_eq!(brands[1]["default_address_settings_id"], "help@acme.example");
    let email = gateway.api("GET", "/api/emails/help@acme.example", None).expect(200);
    assert_eq!((&email["brand_id"], &email["name"]), (&"acme".into(), &"Acme".into()));

    gateway.expect_log("reload refused");
    template(&gateway, "brands/acme/locales/en.ftl", "# ours\nstate = { $x\n");
    gateway.signal("HUP");
    gateway.wait_log("templates kept as they were: brands/acme/locales/en.ftl:2");
    assert_eq!(shown(&mut gateway, "?brand=acme"), "Acme Condition");
    template(&gateway, "brands/acme/locales/en.ftl", "state = Status\n");
    gateway.signal("HUP");
    eventually("the brand's own word", || (shown(&mut gateway, "?brand=acme") == "Acme Status").then_some(()));
    gateway.finish();
}

#[test]
fn obj_11_templates_of_no_brand_are_refused_at_the_start() {
    let gateway = Plan::default().toml(BRAND).prepare();
    template(&gateway, "brands/zoo/email/agent_reply/subject.hbs", "Zoo");
    let output = gateway.run(&["serve"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{errors}");
    assert!(errors.contains("brands/zoo: there is no [[brand]] with this id"), "{errors}");
}
