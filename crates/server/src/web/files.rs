//! Files: the pages' own, and artifacts by their digest, which are never trusted.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mission_domain::ids::Digest;

use crate::app::Site;
use crate::auth::Who;
use crate::pages::assets;
use crate::problem::{Answer, Problem};

/// What a picture's first bytes are, and its type.
const PICTURES: [(&[u8], &str); 4] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
];

pub(super) async fn asset(
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer<Response> {
    let file = assets::asset(&path).ok_or_else(|| Problem::not_found("there is no such file"))?;
    let forever = uri.query().is_some_and(|it| it.starts_with("v="));
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let about = [
        (header::CONTENT_TYPE, file.mime.to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, file.etag.clone()),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|it| it.to_str().ok());
    if known == Some(&file.etag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, file.bytes.into_owned()).into_response())
}

/// Answers an artifact: pictures as such, text as plain text, all else as a download. Nothing in it can run.
pub(super) async fn artifact(
    State(site): State<Site>,
    _: Who,
    Path(hex): Path<String>,
) -> Answer<Response> {
    let digest: Digest = hex.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let artifacts = site.control.artifacts();
    let wanted = digest.clone();
    let read = tokio::task::spawn_blocking(move || artifacts.read(&wanted)).await;
    let bytes =
        read.map_err(|e| Problem::not_found(format!("the artifact cannot be read: {e}")))??;
    let kind = kind_of(&bytes);
    Ok((untrusted(kind), [(header::ETAG, format!("\"{}\"", digest.hex()))], bytes).into_response())
}

/// Answers the bytes of a picture as such; nothing where they are none.
pub(super) fn picture(bytes: Vec<u8>) -> Option<Response> {
    let (_, kind) = PICTURES.iter().find(|(start, _)| bytes.starts_with(start))?;
    Some((untrusted(kind), bytes).into_response())
}

/// What goes with bytes that somebody else made, and that are the same for ever at their address.
fn untrusted(kind: &'static str) -> [(header::HeaderName, &'static str); 4] {
    let kept = if kind == "application/octet-stream" { "attachment" } else { "inline" };
    let nothing_runs = "sandbox; default-src 'none'; frame-ancestors 'none'";
    [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, kept),
        (header::CONTENT_SECURITY_POLICY, nothing_runs),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ]
}

fn kind_of(bytes: &[u8]) -> &'static str {
    let picture = PICTURES.iter().find(|(start, _)| bytes.starts_with(start));
    match picture {
        Some((_, kind)) => kind,
        None if std::str::from_utf8(bytes).is_ok() => "text/plain; charset=utf-8",
        None => "application/octet-stream",
    }
}
