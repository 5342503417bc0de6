//! The widget's files over HTTP, and how large they are.

use crate::http::messenger::AllowedOrigins;
use crate::http::widget::Preset;
use crate::http::widget::assets::Assets;
use crate::http::widget::assets::FILES;
use crate::http::widget::assets::SCRIPT;
use crate::http::widget::assets::source;
use crate::http::widget::bundle::bundled;
use crate::http::widget::bundle::import;
use crate::http::widget::bundle::resolved;
use crate::http::widget::page;
use crate::http::widget::route;
use axum::body::Body;
use axum::http::Request;
use axum::http::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;

/// Most octets of the compressed loader and of everything the frame loads (MSG-3).
const LOADER_BYTES_MAX: usize = 5_000;
const FRAME_BYTES_MAX: usize = 40_000;

fn preset() -> Preset {
    Preset {
        app: "dgabc".to_owned(),
        action_color: Some("#123456".to_owned()),
        background_color: None,
        alignment: "right",
        sound: true,
        locale: "en".to_owned(),
    }
}

async fn ask(origins: &[&str], path: &str, fields: &[(&str, &str)]) -> Response<Body> {
    let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let router = route(&preset(), &AllowedOrigins::new(&origins));
    let request = fields.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[test]
fn msg_3_loader_and_frame_are_small() {
    let loader = page::loader(&preset()).gzip_bytes();
    let assets = Assets::embedded();
    let frame: usize = assets.needed().map(|path| assets.get(path).unwrap().gzip_bytes()).sum();
    let frame = frame + page::frame(&preset(), &assets).gzip_bytes();
    println!("compressed: loader {loader} bytes, frame {frame} bytes");
    assert!(loader <= LOADER_BYTES_MAX, "{loader} bytes");
    assert!(frame <= FRAME_BYTES_MAX, "{frame} bytes");
}

#[tokio::test]
async fn msg_1_the_loader_has_two_addresses_and_is_asked_for_by_its_etag() {
    for path in ["/widget.js", "/widget/dgabc.js"] {
        let answer = ask(&[], path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
        let body = text(answer).await;
        assert!(body.contains(r##""action_color":"#123456""##) && !body.contains("__PRESET__"), "{path}");
        let again = ask(&[], path, &[("if-none-match", &format!("\"other\", W/{etag}"))]).await;
        assert_eq!((again.status().as_u16(), text(again).await.as_str()), (304, ""));
    }
    assert_eq!(ask(&[], "/widget/other.js", &[]).await.status(), 404);
}

#[tokio::test]
async fn the_frames_files_are_there_for_good_and_only_under_the_name_of_their_build() {
    let page = text(ask(&[], "/widget/frame", &[]).await).await;
    let assets = Assets::embedded();
    for path in assets.needed() {
        let address = format!("{}/{path}", assets.build());
        assert!(page.contains(&format!("href=\"{address}\"")), "{path}");
        let answer = ask(&[], &format!("/widget/{address}"), &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    }
    let refused = ask(&[], &format!("/widget/{}/app.js", assets.build()), &[("accept-encoding", "gzip;q=0")]).await;
    assert!(refused.headers().get("content-encoding").is_none(), "gzip;q=0 says no");
    for path in ["/widget/0000/app.js", "/widget/frame/../app.js", "/widget/none", "/widget/x/../../etc/passwd"] {
        assert_eq!(ask(&[], path, &[]).await.status(), 404, "{path}");
    }
}

#[test]
fn every_import_of_a_module_names_an_embedded_file() {
    for (path, text) in FILES.iter().filter(|(path, _)| path.ends_with(".js")) {
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let (_, named) = import(line).expect(line);
            assert!(source(&resolved(path, named)).is_some(), "{path} imports {named}");
        }
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!text.contains(forbidden), "{path} has {forbidden}");
        }
    }
}

#[test]
fn the_script_holds_every_module_once() {
    let script = bundled(SCRIPT, &source);
    let lines =
        |text: &str| text.lines().filter(|line| line.starts_with("const m") && line.ends_with("=(()=>{")).count();
    let modules = FILES.iter().filter(|(path, _)| path.ends_with(".js")).count() - 5;
    assert_eq!(lines(&script), modules, "all but the texts of five languages");
    assert!(!script.lines().any(|line| line.starts_with("import ") || line.starts_with("export ")));
}

#[tokio::test]
async fn msg_4_only_listed_pages_may_frame_the_messenger() {
    let policy = |answer: &Response<Body>| answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let listed = ask(&["https://www.example.com"], "/widget/frame", &[]).await;
    assert!(policy(&listed).ends_with("frame-ancestors https://www.example.com"), "{}", policy(&listed));
    let any = ask(&[], "/widget/frame", &[]).await;
    assert!(policy(&any).ends_with("frame-ancestors *"), "{}", policy(&any));
    assert!(policy(&any).contains("default-src 'none'") && !policy(&any).contains("unsafe"));
}
