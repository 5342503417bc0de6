//! Companies, and who and what belongs to them.

use super::*;

#[tokio::test]
async fn api_27_a_company_is_made_by_its_key_changed_found_and_deleted() {
    let house = House::new().await;
    let facts = json!({"company_id": "c-1", "name": "Acme", "plan": "gold", "size": 12, "monthly_spend": 900,
        "remote_created_at": 1_700_000_000, "custom_attributes": {"tier": 2}});
    let made = house.post("/api/companies", facts).await.ok();
    let company = id(&made);
    assert_eq!((&made["plan"]["name"], &made["custom_attributes"]), (&json!("gold"), &json!({"tier": 2})));
    let again = house.post("/api/companies", json!({"company_id": "c-1", "industry": "Paper"})).await.ok();
    assert_eq!((id(&again), &again["name"], &again["industry"]), (company.clone(), &json!("Acme"), &json!("Paper")));
    let changed = house.put(&format!("/api/companies/{company}"), json!({"name": "ACME Ltd", "size": null})).await.ok();
    assert_eq!(
        (&changed["name"], &changed["size"], &changed["company_id"]),
        (&json!("ACME Ltd"), &Value::Null, &json!("c-1"))
    );
    assert_eq!(house.get("/api/companies?company_id=c-1").await.ok()["id"], json!(company));
    assert_eq!(house.get("/api/companies?name=acme%20ltd").await.ok()["total_count"], json!(1));
    assert_eq!(house.get("/api/companies?name=acme").await.ok()["total_count"], json!(0));
    let other = id(&house.post("/api/companies", json!({"name": "Other"})).await.ok());
    let page = house.get("/api/companies?per_page=1").await.ok();
    assert_eq!((&page["data"][0]["id"], &page["total_count"]), (&json!(other), &json!(2)));
    let next = page["pages"]["next"]["starting_after"].as_str().unwrap().to_owned();
    let page = house.get(&format!("/api/companies?per_page=1&starting_after={next}")).await.ok();
    assert_eq!((&page["data"][0]["id"], page["pages"].get("next")), (&json!(company), None));
    let second = house.post("/api/companies/list?page=2&per_page=1", json!({})).await.ok();
    assert_eq!((&second["data"][0]["id"], &second["pages"]["total_pages"]), (&json!(company), &json!(2)));
    assert_eq!(house.delete(&format!("/api/companies/{company}")).await.ok()["deleted"], json!(true));
    assert_eq!(house.get(&format!("/api/companies/{company}")).await.error().0, 404);
    assert_eq!(house.get("/api/companies?company_id=c-1").await.error().0, 404);
    let anew = house.post("/api/companies", json!({"company_id": "c-1"})).await.ok();
    assert_ne!(id(&anew), company, "the key is free again");
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"company_id": "x".repeat(300)}), "company_id"),
        (json!({"size": -1}), "size"),
    ] {
        let (status, _, named) = house.post("/api/companies", body.clone()).await.error();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{body}");
    }
}

#[tokio::test]
async fn obj_16_contacts_and_threads_belong_to_companies() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let company = id(&house.post("/api/companies", json!({"name": "Acme"})).await.ok());
    let path = format!("/api/contacts/{ana}/companies");
    let attached = house.post(&path, json!({"id": company})).await.ok();
    assert_eq!(attached["user_count"], json!(1));
    house.post(&path, json!({"id": company})).await.ok();
    let contact = house.get(&format!("/api/contacts/{ana}")).await.ok();
    assert_eq!(
        (&contact["companies"]["total_count"], &contact["companies"]["data"][0]["id"]),
        (&json!(1), &json!(company))
    );
    assert_eq!(house.get(&path).await.ok()["data"][0]["id"], json!(company));
    assert_eq!(house.get(&format!("/api/companies/{company}/contacts")).await.ok()["data"][0]["id"], json!(ana));
    let conversation = house.conversation(&ana, "Hello").await;
    let put = |company: Value| json!({"company_id": company});
    let named = house.put(&format!("/api/conversations/{conversation}"), put(json!(company))).await.ok();
    assert_eq!(named["company"]["id"], json!(company));
    let customer = id(&house.ticket_type("Customer").await);
    let new = json!({"ticket_type_id": customer, "contacts": [{"id": ana}], "company_id": company});
    let ticket = house.post("/api/tickets", new).await.ok();
    assert_eq!(ticket["company_id"], json!(company));
    let cleared = house.put(&format!("/api/tickets/{}", id(&ticket)), put(Value::Null)).await.ok();
    assert_eq!(cleared["company_id"], Value::Null, "API-4");
    let unknown = put(json!("00000000000000000000feed"));
    assert_eq!(
        house.put(&format!("/api/tickets/{}", id(&ticket)), unknown).await.error(),
        (400, "parameter_invalid".to_owned(), Some("company_id".to_owned()))
    );
    house.delete(&format!("/api/companies/{company}")).await.ok();
    let contact = house.get(&format!("/api/contacts/{ana}")).await.ok();
    assert_eq!(contact["companies"]["total_count"], json!(0));
    assert_eq!(house.get(&format!("/api/conversations/{conversation}")).await.ok()["company"], Value::Null);
    assert_eq!(house.delete(&format!("{path}/{company}")).await.error().0, 404);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
