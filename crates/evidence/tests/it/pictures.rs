//! Screenshots and previews with the machine's own browser; left out, visibly, where there is none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mission_domain::ids::Digest;
use mission_evidence::Error;
use mission_evidence::difference::{Area, difference};
use mission_evidence::preview::{Preview, PreviewSpec};
use mission_evidence::screenshot::{Browser, Scheme, Target, View};

use crate::checks::check_env;
use crate::place::{Place, write};

const LIMIT: Duration = Duration::from_secs(60);
const PHONE: View = View { width: 390, height: 500, scheme: Scheme::Light, clock: None };
const PAGE: &str = "<style>*{margin:0}body{background:#fff}div{position:absolute;right:0;width:10px;height:50px;\
    background:#f00}@media (prefers-color-scheme:dark){body{background:#000}}</style><div></div>";

fn browser() -> Browser {
    let found = Browser::find(&std::env::var("PATH").expect("a PATH"));
    found.expect(
        "Chromium on the PATH: `cargo xtask test` installs it, or `apt-get install chromium`",
    )
}

/// A page with all that moves by itself but a script's own drawing: motion with and without an end, a change that fades, a
/// cursor, and the time.
const MOVING: &str = "<!doctype html><style>*{margin:0;font:20px monospace}\
    @keyframes turn{to{transform:rotate(360deg)}}@keyframes come{from{opacity:0}to{opacity:1}}\
    .turn{width:60px;height:60px;background:linear-gradient(#f00,#00f);animation:turn 1.7s linear infinite}\
    .come{width:40px;height:40px;background:#080;animation:come 5s forwards}\
    .fade{width:40px;height:40px;background:#fff;transition:background 9s}.on{background:#000}</style>\
    <div class=turn></div><div class=come></div><div class=fade id=f></div><input autofocus value=here><p id=t></p>\
    <script>requestAnimationFrame(()=>f.classList.add('on'));t.textContent=new Date().toISOString()+' '+Date.now()</script>";

#[tokio::test]
async fn a_page_that_moves_is_the_same_picture_twenty_times_and_a_planted_change_is_found_where_it_is()
 {
    let browser = browser();
    let place = Place::new();
    let root = place.project();
    let clock = Some("2026-01-01T12:00:00Z".parse().expect("a time"));
    let view = View { clock, ..PHONE };
    let take = async |page: &str, png: &PathBuf| {
        let target = Target::File { path: root.join(page), root: root.clone() };
        browser.capture(&target, view, LIMIT, png).await.expect("a picture");
        fs::read(png).expect("a PNG")
    };
    place.write("moving.html", MOVING);
    let first = take("moving.html", &place.path("0.png")).await;
    for n in 1..20 {
        let again = take("moving.html", &place.path(&format!("{n}.png"))).await;
        let found = difference(&first, &again, &[]).expect("compared");
        assert_eq!((found.pixels, found.area), (0, None), "picture {n}");
    }
    let png = place.path("0.png");
    assert_eq!(pixel(&png, 20, 80), [0, 136, 0], "what comes in has come");
    assert_eq!(pixel(&png, 20, 120), [0, 0, 0], "what fades has faded");

    let planted = "<div style='position:absolute;left:200px;top:300px;width:7px;height:5px;background:#0ff'></div>";
    place.write("planted.html", &format!("{MOVING}{planted}"));
    let after = take("planted.html", &place.path("planted.png")).await;
    let found = difference(&first, &after, &[]).expect("compared");
    let area = Area { x: 200, y: 300, width: 7, height: 5 };
    assert_eq!((found.pixels, found.area), (35, Some(area)));
    let masked = difference(&first, &after, &[area]).expect("compared");
    assert_eq!((masked.pixels, masked.area), (0, None));
}

fn pixel(png: &PathBuf, x: u32, y: u32) -> [u8; 3] {
    let picture = image::load_from_memory(&fs::read(png).expect("a PNG")).expect("a picture");
    let [r, g, b, _] = picture.to_rgba8().get_pixel(x, y).0;
    [r, g, b]
}

#[tokio::test]
async fn a_file_is_taken_at_its_width_in_both_schemes_and_the_same_each_time() {
    let browser = browser();
    let place = Place::new();
    place.write("we b/päge.html", PAGE);
    let target =
        Target::File { path: place.project().join("we b/päge.html"), root: place.project() };
    let (light, dark, again) = (place.path("l.png"), place.path("d.png"), place.path("a.png"));
    let taken = browser.capture(&target, PHONE, LIMIT, &light).await.expect("a picture");
    assert_eq!((taken.width, taken.height), (390, 500));
    assert_eq!(taken.digest, Digest::of(&fs::read(&light).expect("a PNG")));
    assert_eq!((pixel(&light, 100, 100), pixel(&light, 385, 10)), ([255; 3], [255, 0, 0]));
    let view = View { scheme: Scheme::Dark, ..PHONE };
    browser.capture(&target, view, LIMIT, &dark).await.expect("a picture");
    assert_eq!((pixel(&dark, 100, 100), pixel(&dark, 385, 10)), ([0; 3], [255, 0, 0]));
    let same = browser.capture(&target, PHONE, LIMIT, &again).await.expect("a picture");
    assert_eq!(same.digest, taken.digest);
    let found =
        difference(&fs::read(&light).expect("a PNG"), &fs::read(&dark).expect("a PNG"), &[]);
    let percent = found.expect("compared").percent;
    assert!((99.0..100.0).contains(&percent), "{percent}");
}

#[tokio::test]
async fn a_file_outside_and_an_address_of_another_kind_are_refused() {
    let browser = browser();
    let place = Place::new();
    write(&place.path("secret.html"), "secret");
    symlink(place.path("secret.html"), place.project().join("link.html")).expect("a link");
    let png = place.path("x.png");
    for path in [place.path("secret.html"), place.project().join("link.html")] {
        let target = Target::File { path, root: place.project() };
        let refused = browser.capture(&target, PHONE, LIMIT, &png).await;
        assert!(matches!(refused, Err(Error::Screenshot { .. })), "{refused:?}");
    }
    for url in ["file:///etc/passwd", "javascript:1", "--version", "http://a b"] {
        let refused = browser.capture(&Target::Url(url.into()), PHONE, LIMIT, &png).await;
        assert!(matches!(refused, Err(Error::Screenshot { .. })), "{url}: {refused:?}");
    }
    assert!(!png.exists());
}

/// A server of one page that never stops loading: it listens to events.
const SERVER: &str = "const http=require('http');\
    http.createServer((q,r)=>{if(q.url==='/ev'){r.writeHead(200,{'content-type':'text/event-stream'});r.write('data: 1\\n\\n');return}\
    r.writeHead(200,{'content-type':'text/html'});r.end(q.url==='/live'?'<body style=\"background:#00f\"><script>\
    new EventSource(\"/ev\").onmessage=()=>document.body.style.background=\"#0f0\"</script>':'<body style=\"background:#ff0\">')})\
    .listen(process.env.PORT,'127.0.0.1')";

#[tokio::test]
async fn a_preview_is_awaited_pictured_at_every_width_and_ended() {
    let browser = browser();
    let place = Place::new();
    place.write("server.js", SERVER);
    fs::create_dir(place.path("tmp")).expect("a directory");
    let (env, log) = (check_env(place.path("tmp")), place.path("preview.log"));
    let spec = PreviewSpec {
        command: "echo $$ > pid; node server.js & wait",
        ready: "http://127.0.0.1:$PORT/",
        deadline: LIMIT,
        lifetime: LIMIT * 3,
    };
    let preview = Preview::start(&spec, &place.project(), &env, &log).await.expect("it answers");
    let pages = ["/".to_string(), "/live".to_string()];
    let schemes = [Scheme::Light];
    let taken =
        preview.capture(&browser, &pages, &[390, 900], &schemes, None, &place.path(".")).await;
    let taken = taken.expect("pictures");
    let seen: Vec<_> = taken.iter().map(|t| (t.page.as_str(), t.width, t.picture.width)).collect();
    assert_eq!(seen, [("/", 390, 390), ("/", 900, 900), ("/live", 390, 390), ("/live", 900, 900)]);
    assert_eq!(pixel(&taken[0].picture.path, 5, 5), [255, 255, 0]);
    // Whether the first event came before the picture is the browser's luck; that the page was drawn is not.
    let live = pixel(&taken[2].picture.path, 5, 5);
    assert!([[0, 255, 0], [0, 0, 255]].contains(&live), "{live:?}");
    assert!(preview.address_of("//elsewhere/").is_err() && preview.is_running());
    let port = preview.port;
    drop(preview);
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "the preview still answers");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_preview_that_ends_or_never_answers_says_why() {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).expect("a directory");
    let (env, log, dir) = (check_env(place.path("tmp")), place.path("log"), place.project());
    let start = async |command: &str, ready: &str| {
        let deadline = Duration::from_millis(1_500);
        let spec = PreviewSpec { command, ready, deadline, lifetime: LIMIT };
        Preview::start(&spec, &dir, &env, &log).await.expect_err("no preview").to_string()
    };
    let ready = "http://127.0.0.1:$PORT/";
    let ended = start("echo broken config; exit 3", ready).await;
    assert!(ended.contains("Exited(3)") && ended.contains("broken config"), "{ended}");
    let silent = start("sleep 1000", ready).await;
    assert!(silent.contains("did not answer within 1.5s"), "{silent}");
    let elsewhere = start("sleep 1000", "http://example.com:$PORT/").await;
    assert!(elsewhere.contains("must be on `127.0.0.1`"), "{elsewhere}");
}
