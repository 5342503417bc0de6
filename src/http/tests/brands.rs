//! Brands from the outside: what the API says of them, and in whose name pages speak.

use super::*;
use crate::desk::Brand;

/// A house with the brands Acme, which has an address, and Zoo, which has none.
async fn house() -> House {
    let mut settings = settings();
    let brand = Some("acme".to_owned());
    let acme = SupportAddress { address: address("help@acme.example"), brand, ..settings.main_address.clone() };
    settings.support.push(acme);
    let brand = |id: &str, name: &str| Brand { id: id.to_owned(), name: name.to_owned(), default_locale: None };
    settings.brands = vec![brand("acme", "Acme <i>"), brand("zoo", "Zoo")];
    House::with(settings).await
}

fn new_talk(contact: &str, brand: &str) -> Value {
    json!({"from": {"type": "user", "id": contact}, "body": "It is cold", "brand_id": brand})
}

async fn talk(house: &House, contact: &str, brand: &str) -> String {
    let made = house.post("/api/conversations", new_talk(contact, brand)).await.ok();
    made["conversation_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn api_24_a_conversation_begins_in_a_brand_and_shows_it_as_its_ticket_does() {
    let house = house().await;
    let ana = house.contact("ana@example.com").await;
    let own = id(&house.get("/api/brands").await.ok()["data"][0]);
    let customer = id(&house.ticket_type("Customer").await);
    for (brand, from) in [("acme", "help@acme.example"), (own.as_str(), "support@example.com")] {
        let path = format!("/api/conversations/{}", talk(&house, &ana, brand).await);
        let shown = house.get(&path).await.ok()["deskgate"].clone();
        assert_eq!((&shown["brand_id"], &shown["support_address"]), (&json!(brand), &json!(from)), "OBJ-37");
        let ticket = house.post(&format!("{path}/convert"), json!({"ticket_type_id": customer})).await.ok();
        assert_eq!(ticket["deskgate"]["brand_id"], brand);
    }
    let unsaid = house.conversation(&ana, "Hello").await;
    assert_eq!(house.get(&format!("/api/conversations/{unsaid}")).await.ok()["deskgate"]["brand_id"], own);
    for brand in ["zoo", "none"] {
        let refused = house.post("/api/conversations", new_talk(&ana, brand)).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["errors"][0]["field"]),
            (400, &json!("brand_id")),
            "{brand}"
        );
    }
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn obj_11_the_page_of_a_form_speaks_in_the_name_of_its_brand() {
    let house = house().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = talk(&house, &ana, "acme").await;
    let ticket_type = forms::repair(&house, "Customer").await;
    let card = forms::sent(&house, &conversation, &ticket_type).await;
    let link = forms::mailed_link(&house).await;
    let named = |page: &(u16, String)| page.1.contains("Acme &lt;i&gt;") && !page.1.contains("Example");
    let open = house.plain("GET", &link, "").await;
    assert!(open.0 == 200 && named(&open), "{open:?}");
    house.post(&format!("/api/forms/{}/withdraw", id(&card)), json!({})).await.ok();
    let closed = house.plain("GET", &link, "").await;
    assert!(closed.0 == 200 && named(&closed), "{closed:?}");
    let nowhere = house.plain("GET", "/forms/x", "").await;
    assert!(nowhere.0 == 404 && nowhere.1.contains("Example"), "a link to nothing is of no brand: {nowhere:?}");
}

#[tokio::test]
async fn obj_11_the_page_that_stops_mail_speaks_in_the_name_of_the_brand_that_reported() {
    let house = house().await;
    let (tracker, _) = broadcasts::tracker(&house, 0).await;
    let ana = house.contact("ana@example.com").await;
    let of_acme = talk(&house, &ana, "acme").await;
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_ids": [of_acme]})).await.ok();
    house.conversation(&ana, "Something else, of the house").await;
    let new = json!({"subject": "Fix is live", "body": "It works.", "email": "always", "send": true});
    house.post(&format!("/api/tickets/{tracker}/broadcasts"), new).await.ok();
    broadcasts::run(&house).await;
    let mail = broadcasts::sent(&house).await.remove(0).replace("\r\n ", " ");
    let link = mail.split("List-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
    let page = format!("/unsubscribe/{}", link.rsplit('/').next().unwrap());
    for (method, body) in [("GET", ""), ("POST", "List-Unsubscribe=One-Click")] {
        let shown = house.plain(method, &page, body).await;
        assert!(shown.0 == 200 && shown.1.contains("Mail from Acme &lt;i&gt;"), "{method}: {shown:?}");
        assert!(!shown.1.contains("Example"), "{method}: {shown:?}");
    }
    let nowhere = house.plain("GET", "/unsubscribe/x", "").await;
    assert!(nowhere.0 == 404 && nowhere.1.contains("Mail from Example"), "{nowhere:?}");
}
