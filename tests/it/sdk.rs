//! TST-110: the official clients drive the daemon unchanged (API-1).

use crate::support::gateway::Gateway;
use crate::support::sdk;

#[test]
fn tst_110_the_official_javascript_client_works_unchanged() {
    let Some(mut node) = sdk::node() else { return };
    let mut gateway = Gateway::start();
    let token = gateway.token();
    node.arg(sdk::script("flow.cjs"));
    sdk::run_flow(node, &gateway, &token);
    gateway.finish();
}

#[test]
fn tst_110_the_official_python_client_works_unchanged() {
    let Some(mut python) = sdk::python("python") else { return };
    let mut gateway = Gateway::start();
    let token = gateway.token();
    python.arg(sdk::script("flow.py"));
    sdk::run_flow(python, &gateway, &token);
    gateway.finish();
}
