//! The files that pages load: stylesheet, fonts, sprite and scripts, embedded in the program.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

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

/// Returns the file at `path` below `/assets/`, like `mission.css` or `fonts/inter-latin.woff2`.
/// An address with `?v=` never changes its content and may be kept for a year; one without is to be asked again.
pub fn asset(path: &str) -> Option<Asset> {
    let file = Files::get(path)?;
    let etag = format!("\"{}\"", tag(&file.metadata.sha256_hash()));
    Some(Asset { bytes: file.data, mime: mime(path), etag })
}

/// Returns the address of a file with the hash of its content.
pub fn url(path: &str) -> String {
    let hash = Files::get(path).map(|f| tag(&f.metadata.sha256_hash()));
    format!("/assets/{path}?v={}", hash.unwrap_or_default())
}

/// Returns the address of the sprite, made once: it stands in a page a thousand times.
pub fn icon_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| url("icons.svg"))
}

/// Returns the first 12 hex digits of a hash: enough to tell versions of one file apart.
fn tag(hash: &[u8; 32]) -> String {
    hash.iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

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
