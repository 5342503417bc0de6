//! `Idempotency-Key` on POST (API-8).

use super::*;

async fn keyed(house: &House, path: &str, key: &str, body: &Value) -> Reply {
    let request = house.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    house.send(request.header("Idempotency-Key", key).body(Body::from(body.to_string())).unwrap()).await
}

async fn contacts(house: &House) -> Value {
    house.get("/api/contacts").await.ok()["total_count"].clone()
}

#[tokio::test]
async fn tst_117_the_same_key_makes_one_object_and_gives_one_answer() {
    let house = House::new().await;
    let body = json!({"name": "Ana"});
    let first = keyed(&house, "/api/contacts", "k1", &body).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = keyed(&house, "/api/contacts", "k1", &body).await;
    assert_eq!((again.ok(), again.header("idempotent-replayed")), (first.ok(), Some("true")));
    assert!(again.header("x-ratelimit-remaining").is_some(), "API-6");
    let other = keyed(&house, "/api/contacts", "k1", &json!({"name": "Ben"})).await.error();
    assert_eq!((other.0, other.1.as_str()), (409, "conflict"));
    assert_eq!(contacts(&house).await, json!(1));
    // Another path, another token, another key: other requests.
    let ana = id(&first.ok());
    let from = json!({"from": {"type": "user", "id": ana}, "body": "Hello"});
    keyed(&house, "/api/conversations", "k1", &from).await.ok();
    keyed(&house, "/api/contacts", "k2", &body).await.ok();
    assert_eq!(contacts(&house).await, json!(2));
    house.clock.set(Millis(START.0 + 24 * 3_600_000));
    keyed(&house, "/api/contacts", "k1", &body).await.ok();
    assert_eq!(contacts(&house).await, json!(3), "a day later it is another request");
}

#[tokio::test]
async fn tst_117_two_at_once_make_one_object() {
    let house = House::new().await;
    let body = json!({"name": "Ana"});
    let all = futures_util::future::join_all((0..8).map(|_| keyed(&house, "/api/contacts", "k", &body))).await;
    let good = all.iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert!(good >= 1);
    assert!(all.iter().all(|reply| reply.status == StatusCode::OK || reply.error().1 == "conflict"));
    assert_eq!(contacts(&house).await, json!(1));
}

#[tokio::test]
async fn api_8_a_refused_request_is_looked_at_anew() {
    let house = House::new().await;
    let body = json!({"name": "Ana", "external_id": "u-1"});
    let holder = id(&house.post("/api/contacts", json!({"external_id": "u-1"})).await.ok());
    assert_eq!(keyed(&house, "/api/contacts", "k", &body).await.error().0, 409);
    house.put(&format!("/api/contacts/{holder}"), json!({"external_id": null})).await.ok();
    keyed(&house, "/api/contacts", "k", &body).await.ok();
    for bad in ["", &"k".repeat(256)] {
        let refused = keyed(&house, "/api/contacts", bad, &body).await.error();
        assert_eq!((refused.0, refused.1.as_str()), (400, "parameter_invalid"));
    }
}

#[tokio::test]
async fn api_8_what_was_carried_out_without_an_answer_is_not_done_again() {
    let house = House::new().await;
    let body = json!({"name": "Ana"});
    keyed(&house, "/api/contacts", "k", &body).await.ok();
    // As if the daemon had been killed before it kept the answer.
    house.desk.forget_answers().await;
    let again = keyed(&house, "/api/contacts", "k", &body).await.error();
    assert_eq!((again.0, again.1.as_str()), (409, "conflict"));
    assert_eq!(contacts(&house).await, json!(1));
}
