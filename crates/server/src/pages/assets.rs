//! The files that pages load: stylesheet, fonts, sprite and scripts, embedded in the program.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use mission_domain::ids::Digest;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// One file as it is answered.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// Its content type.
    pub mime: &'static str,
    /// Its strong entity tag, with the quotes.
    pub etag: String,
}

/// What every page runs, answered as one file: a browser asks once, and waits for one.
pub(super) const PAGE_SCRIPT: &str = "page.js";
pub(super) const PAGE_SCRIPTS: [&str; 5] =
    ["send.js", "live.js", "keys.js", "palette.js", "notify.js"];

/// Returns the file at `path` below `/assets/`, like `mission.css` or `fonts/inter-latin.woff2`.
/// An address with `?v=` never changes its content and may be kept for a year; one without is to be asked again.
pub fn asset(path: &str) -> Option<Asset> {
    let (bytes, tag) = file(path)?;
    Some(Asset { bytes, mime: mime(path), etag: format!("\"{tag}\"") })
}

/// Returns the address of a file with the hash of its content.
pub fn url(path: &str) -> String {
    format!("/assets/{path}?v={}", file(path).map(|it| it.1).unwrap_or_default())
}

/// Returns a file's content and the first 12 hex digits of its hash: enough to tell versions of one file apart.
fn file(path: &str) -> Option<(Cow<'static, [u8]>, String)> {
    if path == PAGE_SCRIPT {
        let (bytes, tag) = &*PAGE;
        return Some((Cow::Borrowed(bytes), tag.clone()));
    }
    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    let tag = hash.iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Some((file.data, tag))
}

/// The page's script and its tag, put together once.
static PAGE: LazyLock<(Vec<u8>, String)> = LazyLock::new(|| {
    let parts = PAGE_SCRIPTS.iter().filter_map(|it| Files::get(it));
    let bytes: Vec<u8> = parts.flat_map(|it| it.data.into_owned()).collect();
    let tag = Digest::of(&bytes).hex().chars().take(12).collect();
    (bytes, tag)
});

/// Returns the content type by the name's ending.
fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}
