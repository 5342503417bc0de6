//! The way from an HTTP request to a socket, over TCP.

use crate::messenger::bench::Bench;
use crate::messenger::client::Client;
use axum::Router;
use deskgate::channel::messenger::hub::Options;
use deskgate::http::messenger;
use deskgate::http::messenger::AllowedOrigins;
use deskgate::http::trusted_proxies::TrustedProxies;
use serde_json::json;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

async fn listening(bench: &Bench, origins: &[&str]) -> SocketAddr {
    let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let router: Router = messenger::route(bench.hub.clone(), AllowedOrigins::new(&origins), TrustedProxies::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

type Connected = (Client<MaybeTlsStream<tokio::net::TcpStream>>, tungstenite::handshake::client::Response);

async fn connect(address: SocketAddr, fields: &[(&'static str, &str)]) -> Result<Connected, u16> {
    let mut request = format!("ws://{address}/messenger/ws").into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok((socket, response)) => Ok((Client { socket }, response)),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_ours_connects_and_speaks_the_subprotocol() {
    let bench = Bench::new().await;
    let address = listening(&bench, &["https://www.example.com"]).await;
    let fields = [
        ("origin", "https://www.example.com"),
        ("sec-websocket-protocol", "other, deskgate.v1"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ];
    let (mut client, response) = connect(address, &fields).await.unwrap_or_else(|status| panic!("{status}"));
    assert_eq!(response.headers()["sec-websocket-protocol"], "deskgate.v1");
    assert_eq!(response.headers().get("sec-websocket-extensions"), None, "no compression");
    client.hello(json!({}), None).await;
    client.post("c", None, "over TCP").await;
    assert_eq!(bench.hub.counts().open, 1);
    drop(client);
    bench.until(|bench| bench.hub.counts().open == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_4_other_pages_get_403_before_they_are_sockets() {
    let bench = Bench::new().await;
    let address = listening(&bench, &["https://www.example.com"]).await;
    for origin in ["https://www.example.com.evil.example", "http://www.example.com", "null"] {
        assert_eq!(connect(address, &[("origin", origin)]).await.err(), Some(403), "{origin}");
    }
    assert_eq!(connect(address, &[]).await.err(), Some(403));
    assert_eq!(bench.hub.counts().open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_61_too_many_connects_get_429_and_a_drain_503() {
    let bench = Bench::with(Options { connects_per_minute: 2, ..Options::default() }, false).await;
    let address = listening(&bench, &[]).await;
    let behind_proxy = [("x-forwarded-for", "192.0.2.1")];
    let first = connect(address, &behind_proxy).await;
    let second = connect(address, &behind_proxy).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(connect(address, &behind_proxy).await.err(), Some(429));
    assert!(connect(address, &[("x-forwarded-for", "192.0.2.2")]).await.is_ok());
    drop((first, second));
    bench.hub.drain().await;
    assert_eq!(connect(address, &[("x-forwarded-for", "192.0.2.3")]).await.err(), Some(503));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_62_from_a_blocked_network_nobody_opens_the_messenger() {
    let bench = Bench::new().await;
    bench.hub.block(&["192.0.2.0/24".parse().unwrap(), "2001:db8::7/128".parse().unwrap()]);
    let address = listening(&bench, &[]).await;
    for (from, refused) in [
        ("192.0.2.9", Some(403)),
        ("2001:db8::7", Some(403)),
        ("198.51.100.1, 192.0.2.9", Some(403)),
        ("192.0.3.9", None),
        ("2001:db8::8", None),
    ] {
        assert_eq!(connect(address, &[("x-forwarded-for", from)]).await.err(), refused, "{from}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_62_a_network_that_is_blocked_is_shown_out_and_kept_out_until_it_is_let_in_again() {
    let bench = Bench::new().await;
    let address = listening(&bench, &[]).await;
    let (theirs, others) = ([("x-forwarded-for", "192.0.2.9")], [("x-forwarded-for", "192.0.3.9")]);
    let (mut silent, _) = connect(address, &theirs).await.unwrap();
    let (mut talking, _) = connect(address, &theirs).await.unwrap();
    let (mut other, _) = connect(address, &others).await.unwrap();
    talking.hello(json!({}), None).await;
    other.hello(json!({}), None).await;
    bench.hub.block(&["192.0.2.0/24".parse().unwrap()]);
    assert_eq!((talking.close_code().await, silent.close_code().await), (4001, 4001));
    other.post("c", None, "still here").await;
    assert_eq!(connect(address, &theirs).await.err(), Some(403));
    assert!(connect(address, &others).await.is_ok());
    bench.hub.block(&[]);
    assert!(connect(address, &theirs).await.is_ok());
}
