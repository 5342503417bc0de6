//! The accept loop, over real sockets on loopback.

use super::*;
use crate::http::serve;
use axum::routing::get;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(20);

async fn started(router: Router) -> (std::net::SocketAddr, CancellationToken, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, drain) = (listener.local_addr().unwrap(), CancellationToken::new());
    let served = tokio::spawn(serve(listener, router, 100, drain.clone()));
    (address, drain, served)
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_request_goes_through_the_socket_to_the_desk() {
    let house = House::new().await;
    let (address, drain, served) = started(house.router.clone()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        house.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let text = answer(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("\"bo@example.com\""), "{text}");
    drain.cancel();
    tokio::time::timeout(LIMIT, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_new() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, go_on) = (entered.clone(), go_on.clone());
        move || async move {
            entered.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    let (address, drain, served) = started(Router::new().route("/slow", get(handler))).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(LIMIT, entered.notified()).await.unwrap();
    drain.cancel();
    assert_eq!(answer(&mut idle).await, "", "an idle connection ends at once");
    assert!(!served.is_finished());
    go_on.notify_one();
    assert!(answer(&mut busy).await.ends_with("done"));
    tokio::time::timeout(LIMIT, served).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the listener is gone");
}

#[tokio::test]
async fn fault_88_a_head_that_does_not_come_and_one_that_is_too_large_end_the_connection() {
    let (address, drain, served) = started(Router::new()).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut large = TcpStream::connect(address).await.unwrap();
    large.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    for number in 0..200 {
        // The server may close before all of it is written.
        if large.write_all(format!("X-{number}: y\r\n").as_bytes()).await.is_err() {
            break;
        }
    }
    large.write_all(b"\r\n").await.ok();
    let refused = answer(&mut large).await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
    let ended = answer(&mut slow).await;
    assert!(ended.is_empty() || ended.starts_with("HTTP/1.1 408"), "{ended}");
    drain.cancel();
    tokio::time::timeout(LIMIT, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_answer_of_500() {
    let house = House::new().await;
    let api = Api::open(house.desk.clone(), RateLimits::default()).await.unwrap();
    let panics = Router::new()
        .route(
            "/panic",
            get(|| async {
                if START.0 > 0 {
                    panic!("secret cause")
                }
            }),
        )
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(crate::http::frame::after_panic))
        .layer(axum::middleware::from_fn_with_state(api, crate::http::frame::around_api));
    let request = house.request(Method::GET, "/panic").body(Body::empty()).unwrap();
    let response = panics.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&body["type"], &body["errors"][0]["code"]), (&json!("error.list"), &json!("server_error")));
    assert!(!body.to_string().contains("secret"));
}
