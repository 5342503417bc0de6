//! What stands around every answer.

use super::*;

#[tokio::test]
async fn tst_112_every_error_is_a_list_with_the_right_status() {
    let house = House::new().await;
    let cases = [
        (house.get("/api/nothing").await, 404, "not_found"),
        (house.get("/api/articles").await, 404, "not_found"),
        (house.delete("/api/me").await, 405, "client_error"),
        (house.get("/api/tickets/1").await, 404, "ticket_not_found"),
        (house.get("/api/conversations/1").await, 404, "conversation_not_found"),
        (house.get("/api/admins/1").await, 404, "admin_not_found"),
        (house.get("/api/contacts/1").await, 404, "not_found"),
        (house.get("/api/ticket_types/1").await, 404, "not_found"),
        (house.get("/api/broadcasts/1").await, 404, "not_found"),
        (house.get("/api/deliveries/1").await, 404, "not_found"),
        (house.get("/api/parts/1/source").await, 404, "not_found"),
        (house.post("/api/quarantine/1/retry", json!({})).await, 404, "not_found"),
        (house.get("/files/forged").await, 404, "not_found"),
        (house.post("/api/tickets", json!([])).await, 400, "bad_request"),
    ];
    for (reply, status, code) in cases {
        let (got, got_code, _) = reply.error();
        assert_eq!((got, got_code.as_str()), (status, code));
    }
}

#[tokio::test]
async fn tst_112_without_a_valid_token_nothing_is_told() {
    let house = House::new().await;
    let bearer = |value: &str| (header::AUTHORIZATION.as_str().to_owned(), value.to_owned());
    let cases = [
        ("/api/me".to_owned(), None, "unauthorized"),
        ("/api/nothing".to_owned(), None, "unauthorized"),
        (format!("/api/me?access_token={}", house.token), None, "unauthorized"),
        ("/api/me".to_owned(), Some(bearer("Bearer dg_x")), "unauthorized"),
        ("/api/me".to_owned(), Some(bearer(&format!("Basic {}", house.token))), "unauthorized"),
        ("/api/me".to_owned(), Some(bearer("Bearer ")), "unauthorized"),
    ];
    for (path, header, code) in cases {
        let mut request = Request::builder().uri(&path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let reply = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.error(), (401, code.to_owned(), None), "{path}");
    }
    let revoked = house.desk.tokens().unwrap().remove(0);
    house.desk.revoke_token(revoked.id).await.unwrap();
    assert_eq!(house.get("/api/me").await.error().1, "token_unauthorized");
}

#[tokio::test]
async fn tst_111_the_served_version_is_echoed_and_unknown_ones_refused() {
    let house = House::new().await;
    assert_eq!(house.get("/api/me").await.header("intercom-version"), Some("2.16"));
    assert_eq!(house.get_as("2.13", "/api/me").await.header("intercom-version"), Some("2.14"));
    let refused = house.get_as("2.11", "/api/me").await;
    assert_eq!(refused.error(), (400, "intercom_version_invalid".to_owned(), None));
}

#[tokio::test]
async fn tst_116_rate_headers_stand_on_every_answer_and_the_limit_holds() {
    let house = House::new().await;
    let first = house.get("/api/me").await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("1666"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1665"));
    assert_eq!(first.header("x-ratelimit-reset"), Some("1767225610"), "Unix seconds");
    assert!(first.header("x-request-id").is_some());
    for path in ["/api/nothing", "/api/tickets/1"] {
        assert!(house.get(path).await.header("x-ratelimit-remaining").is_some(), "{path}");
    }
    let stranger = house.send(Request::builder().uri("/api/me").body(Body::empty()).unwrap()).await;
    assert!(stranger.header("x-ratelimit-reset").is_some());
    for _ in 3..1_666 {
        house.get("/api/nothing").await;
    }
    let refused = house.get("/api/me").await;
    assert_eq!(refused.error(), (429, "rate_limit_exceeded".to_owned(), None));
    assert_eq!((refused.header("retry-after"), refused.header("x-ratelimit-remaining")), (Some("10"), Some("0")));
    house.clock.set(Millis(START.0 + 10_000));
    house.get("/api/me").await.ok();
}

#[tokio::test]
async fn api_11_bodies_have_limits_and_kinds() {
    let house = House::new().await;
    let send = |body: Vec<u8>, kind: &'static str| {
        let request = house.request(Method::POST, "/api/contacts").header(header::CONTENT_TYPE, kind);
        house.send(request.body(Body::from(body)).unwrap())
    };
    let json_kind = "application/json";
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40)).into_bytes();
    let cases = [
        (send(b"{\"a\":".to_vec(), json_kind).await, 400, "bad_request"),
        (send(deep, json_kind).await, 400, "bad_request"),
        (send(b"name=Ana".to_vec(), "application/x-www-form-urlencoded").await, 415, "client_error"),
        (send(vec![b' '; 41 * 1024 * 1024], json_kind).await, 413, "client_error"),
    ];
    for (reply, status, code) in cases {
        assert_eq!((reply.error().0, reply.error().1.as_str()), (status, code));
    }
    send(Vec::new(), json_kind).await.ok();
    send(b"{\"unknown_key\": {\"x\": [1]}}".to_vec(), json_kind).await.ok();
}

#[tokio::test]
async fn api_11_a_body_that_never_ends_is_cut_off_at_its_limit() {
    let house = House::new().await;
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024]));
    let request = house.request(Method::POST, "/api/contacts").body(Body::from_stream(endless)).unwrap();
    assert_eq!(house.send(request).await.error().0, 413);
}

#[tokio::test]
async fn fault_80_ids_that_cannot_be_are_not_found() {
    let house = House::new().await;
    for id in ["-1", "18446744073709551616", "..%2fx", "%00", "%ff", "0x1", "1%20", "%2e%2e%2f"] {
        let reply = house.get(&format!("/api/tickets/{id}")).await;
        assert_eq!(reply.error().0, 404, "{id}");
    }
}

#[tokio::test]
async fn api_1_scopes_bound_what_a_token_may_do() {
    let mut house = House::new().await;
    house.token = house.token_for(&[Scope::ReadContacts]).await;
    house.get("/api/me").await.ok();
    house.get("/api/contacts").await.ok();
    for path in
        ["/api/conversations", "/api/tickets", "/api/admins", "/api/deliveries", "/api/quarantine", "/api/events_log"]
    {
        assert_eq!(house.get(path).await.error().0, 403, "{path}");
    }
    assert_eq!(house.get("/api/parts/1/source").await.error().0, 403);
    assert_eq!(house.post("/api/contacts", json!({})).await.error().1, "forbidden");
}

#[tokio::test]
async fn api_27_me_and_admins() {
    let house = House::new().await;
    let me = house.get("/api/me").await.ok();
    assert_eq!(
        (&me["type"], &me["id"], &me["email"]),
        (&json!("admin"), &json!(house.agent), &json!("bo@example.com"))
    );
    let workspace = house.desk.workspace().await.unwrap().id;
    assert_eq!((&me["app"]["name"], &me["app"]["id_code"]), (&json!("Example"), &json!(workspace)));
    let admins = house.get("/api/admins").await.ok();
    assert_eq!((&admins["type"], &admins["admins"][0]["id"]), (&json!("admin.list"), &json!(house.agent)));
    assert_eq!(house.get(&format!("/api/admins/{}", house.agent)).await.ok()["name"], "Bo Example");
}
