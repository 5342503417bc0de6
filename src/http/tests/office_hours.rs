//! Office hours: set, read, taken away (HRS-1).

use super::*;

#[tokio::test]
async fn hrs_1_hours_are_set_as_a_whole_and_say_how_things_are() {
    let house = House::new().await;
    assert_eq!(house.get("/api/office_hours_schedules/workspace").await.error().0, 404);
    assert_eq!(house.desk.office_now(2).unwrap(), None, "a house without hours says nothing of them");
    let hours = json!({
        "time_zone": "Europe/Berlin",
        "intervals": [
            {"day": "friday", "from": "09:00", "to": "17:00"},
            {"day": "thursday", "from": "22:00", "to": "02:00"},
        ],
        "exceptions": [{"date": "2026-01-09", "name": "Moving house"}],
    });
    let set = house.put("/api/office_hours_schedules/workspace", hours.clone()).await.ok();
    let days: Vec<&Value> = set["intervals"].as_array().unwrap().iter().map(|interval| &interval["day"]).collect();
    assert_eq!(days, ["thursday", "friday"]);
    let closed = json!([{"date": "2026-01-09", "name": "Moving house", "intervals": []}]);
    assert_eq!((&set["exceptions"], &set["team_id"]), (&closed, &Value::Null));
    // One o'clock in Berlin; the last Thursday's night is not over, and it is the first day of the year.
    assert_eq!((&set["open"], &set["changes_at"]), (&json!(false), &json!(START.seconds() + 21 * 3_600)));
    let now = house.desk.office_now(3).unwrap().unwrap();
    let ahead: Vec<u64> = now.changes.iter().map(|at| (at.seconds() - START.seconds()) / 3_600).collect();
    assert_eq!((now.open, ahead), (false, vec![21, 25, 32]));
    let team = id(&house.post("/api/teams", json!({"name": "Billing"})).await.ok());
    let path = format!("/api/office_hours_schedules/{team}");
    let own = house.put(&path, json!({"time_zone": "UTC", "intervals": []})).await.ok();
    assert_eq!((&own["team_id"], &own["open"], &own["changes_at"]), (&json!(team), &json!(false), &Value::Null));
    let all = house.get("/api/office_hours_schedules").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
    assert_eq!(house.delete(&path).await.ok()["deleted"], json!(true));
    assert_eq!(house.delete(&path).await.error().0, 404);
}

#[tokio::test]
async fn hrs_1_what_makes_no_hours_is_refused_by_its_field() {
    let house = House::new().await;
    let path = "/api/office_hours_schedules/workspace";
    let interval =
        |from: &str, to: &str| json!({"time_zone": "UTC", "intervals": [{"day": "monday", "from": from, "to": to}]});
    let twice = json!([{"date": "2026-01-01"}, {"date": "2026-01-01"}]);
    for (body, field) in [
        (json!({}), "time_zone"),
        (json!({"time_zone": "Mars/Olympus"}), "time_zone"),
        (interval("9", "17:00"), "intervals.0.from"),
        (interval("09:00", "24:01"), "intervals.0.to"),
        (
            json!({"time_zone": "UTC", "intervals": [{"day": "someday", "from": "09:00", "to": "10:00"}]}),
            "intervals.0.day",
        ),
        (json!({"time_zone": "UTC", "exceptions": [{"date": "2026-02-30"}]}), "exceptions.0.date"),
        (json!({"time_zone": "UTC", "exceptions": twice}), "exceptions"),
    ] {
        let (status, _, named) = house.put(path, body.clone()).await.error();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{body}");
    }
    let unknown = house.put("/api/office_hours_schedules/77", json!({"time_zone": "UTC"})).await;
    assert_eq!(unknown.error().0, 404);
    let narrow = house.token_for(&[Scope::ReadAdmins]).await;
    let request =
        Request::builder().method(Method::PUT).uri(path).header(header::AUTHORIZATION, format!("Bearer {narrow}"));
    let request = request
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(interval("09:00", "17:00").to_string()));
    assert_eq!(house.send(request.unwrap()).await.error().0, 403);
}
