//! Agents' pictures: who may set them, what is taken, how they are served.

use super::*;
use crate::domain::avatar::AVATAR_BYTES_MAX;

/// The smallest of all GIFs, and one like it in another colour.
const DOT: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const OTHER: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

impl House {
    async fn set_avatar(&self, agent: &str, bytes: &[u8]) -> Reply {
        let request = self.request(Method::PUT, &format!("/api/admins/{agent}/avatar"));
        self.send(request.header(header::CONTENT_TYPE, "text/html").body(Body::from(bytes.to_vec())).unwrap()).await
    }

    /// Without a token, as a visitor's browser.
    async fn fetch(&self, address: &str) -> Reply {
        let path = address.strip_prefix(self.desk.settings().public_url.trim_end_matches('/')).unwrap();
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn obj_12_an_agents_picture_is_set_shown_and_taken_away() {
    let house = House::new().await;
    let agent = house.agent.clone();
    assert_eq!(house.get(&format!("/api/admins/{agent}")).await.ok()["avatar"], Value::Null);
    let set = house.set_avatar(&agent, DOT).await.ok();
    let address = set["avatar"].as_str().unwrap().to_owned();
    assert_eq!(house.get("/api/me").await.ok()["avatar"], json!({"type": "avatar", "image_url": address}));
    assert_eq!(house.get("/api/admins").await.ok()["admins"][0]["avatar"], address);
    let shown = house.fetch(&address).await;
    assert_eq!((shown.status, shown.bytes.as_slice()), (StatusCode::OK, DOT));
    assert_eq!(shown.header("content-type"), Some("image/gif"), "what it is, not what it was called");
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert!(shown.header("cache-control").unwrap().contains("immutable"));
    assert!(shown.header("content-security-policy").unwrap().starts_with("sandbox"));
    let other = house.set_avatar(&agent, OTHER).await.ok()["avatar"].as_str().unwrap().to_owned();
    assert_ne!(other, address, "another picture, another address");
    assert_eq!(house.fetch(&address).await.error().0, 404);
    let path = format!("/api/admins/{agent}/avatar");
    assert_eq!(house.delete(&path).await.ok()["avatar"], Value::Null);
    assert_eq!(house.fetch(&other).await.error().0, 404);
    for name in ["0", "x", "-", "1-", &format!("{agent}-"), "..%2f..%2fetc%2fpasswd"] {
        let reply = house.send(Request::get(format!("/avatars/{name}")).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.error().0, 404, "{name}");
    }
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn obj_12_what_is_no_picture_is_not_taken_and_others_pictures_need_settings() {
    let house = House::new().await;
    let agent = house.agent.clone();
    let long = [DOT, &vec![0; AVATAR_BYTES_MAX]].concat();
    for bytes in [&b""[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<script>1</script>", b"\x89PNG\r\n", &long]
    {
        let (status, code, field) = house.set_avatar(&agent, bytes).await.error();
        assert_eq!((status, code.as_str(), field.as_deref()), (400, "parameter_invalid", Some("avatar")));
    }
    assert_eq!(house.set_avatar("1", DOT).await.error().0, 404);
    let new =
        NewAgent { email: address("ria@example.com"), name: "Ria".to_owned(), role: AgentRole::Agent, password: None };
    let other = house.desk.add_agent(new).await.unwrap().id.to_string();
    house.set_avatar(&other, DOT).await.ok();
    let (_, token) =
        house.desk.create_token(&address("ria@example.com"), "t", vec![Scope::ReadAdmins], None).await.unwrap();
    let as_ria = House { token, ..house };
    as_ria.set_avatar(&other, OTHER).await.ok();
    assert_eq!(as_ria.set_avatar(&agent, OTHER).await.error().0, 403);
    let path = format!("/api/admins/{agent}/avatar");
    assert_eq!(as_ria.delete(&path).await.error().0, 403);
}
