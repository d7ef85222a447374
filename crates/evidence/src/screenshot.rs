//! Takes pictures of pages with a headless Chromium, by its command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::{Digest, Timestamp};
use mission_sandbox::{Access, Confined, Exit, Limits, Network, Outcome};
use serde::{Deserialize, Serialize};

use crate::error::io;
use crate::{Error, Result};

/// The programs that are looked for on the `PATH`, in this order.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Page time that passes before the picture is taken.
const PAGE_TIME_MS: u32 = 3_000;
/// How long a page may take that stops loading; one that does not is then taken as it stands.
const STILL_LIMIT: Duration = Duration::from_secs(8);
/// The largest width or height of a picture.
const MOST_PIXELS: u32 = 8_192;

/// The colour scheme that the page is told the person prefers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Dark text on light.
    Light,
    /// Light text on dark.
    Dark,
}

impl Scheme {
    /// Returns `light` or `dark`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Chromium's number for it, as tried with version 156: 0 is dark.
    fn setting(self) -> &'static str {
        match self {
            Self::Light => "--blink-settings=preferredColorScheme=1",
            Self::Dark => "--blink-settings=preferredColorScheme=0",
        }
    }
}

/// What to take a picture of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A page, `http://` or `https://`.
    Url(String),
    /// A file beneath `root`: links that lead out of it are refused.
    File {
        /// The file.
        path: PathBuf,
        /// What it must lie beneath.
        root: PathBuf,
    },
}

/// How to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The window's width in CSS pixels.
    pub width: u32,
    /// The window's height in CSS pixels.
    pub height: u32,
    /// The colour scheme.
    pub scheme: Scheme,
    /// The time that the page reads from its clock, where it is to read a fixed one.
    pub clock: Option<Timestamp>,
}

/// A picture that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The PNG.
    pub path: PathBuf,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// A browser that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    program: PathBuf,
    path: String,
}

impl Browser {
    /// Returns the first known browser on `path` (as in `PATH`), if any.
    pub fn find(path: &str) -> Option<Self> {
        let dirs: Vec<PathBuf> =
            std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect();
        let program = BROWSERS
            .iter()
            .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
            .find(|file| file.is_file())?;
        Some(Self { program, path: path.into() })
    }

    /// Returns the program's file.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Takes a picture of `target` into `png`, within `limit`; afterwards no process of the browser is left.
    ///
    /// A page that never stops loading (an event stream) is taken as it stands after eight seconds,
    /// or a third of `limit` where that is less.
    ///
    /// # Errors
    /// [`Error::Screenshot`], which says what to do.
    pub async fn capture(
        &self,
        target: &Target,
        view: View,
        limit: Duration,
        png: &Path,
    ) -> Result<Picture> {
        let url = address(target)?;
        if !(1..=MOST_PIXELS).contains(&view.width) || !(1..=MOST_PIXELS).contains(&view.height) {
            return no(format!("a window has 1 to {MOST_PIXELS} pixels on each side"));
        }
        let budget = format!("--virtual-time-budget={PAGE_TIME_MS}");
        let short = (limit / 3).min(STILL_LIMIT);
        let first = self.run(&url, view, &budget, short, png).await?;
        let outcome = match first.exit {
            // Its own clock stands still while a request is open, so the browser never came to the picture; or the machine is slow,
            // and a page that has had too little time would be taken before it was drawn. One that has loaded is not waited for.
            Exit::TimedOut => {
                let rest = limit - short;
                let patience = (rest / 3).max(Duration::from_millis(PAGE_TIME_MS.into()));
                let patience = format!("--timeout={}", patience.as_millis());
                self.run(&url, view, &patience, rest, png).await?
            }
            Exit::Exited(_) | Exit::Signalled(_) | Exit::NotStarted(_) => first,
        };
        match outcome.exit {
            Exit::Exited(0) => read_picture(png, &url),
            Exit::Exited(code) => no(format!("the browser exited with code {code} for `{url}`")),
            Exit::Signalled(signal) => {
                no(format!("the browser died by signal {signal} for `{url}`"))
            }
            Exit::TimedOut => no(format!("`{url}` was not drawn within {limit:?}; is it served?")),
            Exit::NotStarted(why) => {
                no(format!("`{}` cannot be started: {why}", self.program.display()))
            }
        }
    }

    async fn run(
        &self,
        url: &str,
        view: View,
        patience: &str,
        wall: Duration,
        png: &Path,
    ) -> Result<Outcome> {
        let _ = std::fs::remove_file(png);
        let own = tempfile::Builder::new().prefix("mission-browser-").tempdir();
        let own = own.map_err(io("make", Path::new("a temporary directory")))?;
        let home = own.path().display().to_string();
        let mut args: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        if nix::unistd::geteuid().is_root() {
            args.push("--no-sandbox".into());
        }
        let still = own.path().join("still");
        write_still(&still, view.clock)?;
        args.extend([
            patience.into(),
            format!("--disable-extensions-except={}", still.display()),
            format!("--load-extension={}", still.display()),
            view.scheme.setting().into(),
            format!("--window-size={},{}", view.width, view.height),
            format!("--user-data-dir={home}/profile"),
            format!("--screenshot={}", png.display()),
            url.into(),
        ]);
        let vars =
            [("PATH", self.path.as_str()), ("HOME", &home), ("TMPDIR", &home), ("LANG", "C.UTF-8")];
        let env: BTreeMap<String, String> =
            vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let what = Confined {
            program: self.program.clone(),
            args,
            cwd: own.path().into(),
            env,
            // The browser confines its own renderers, which a ruleset around it would prevent.
            access: Access::Unrestricted,
            limits: Limits { wall: Some(wall), output_bytes: Some(1 << 20), memory_bytes: None },
            network: Network::Allowed,
        };
        Ok(mission_sandbox::run(what, &own.path().join("browser.log")).await?)
    }
}

/// The same picture every time, nothing asked of the network but the page, nothing kept.
const FLAGS: [&str; 14] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--password-store=basic",
];

/// What makes a page stand still: our own extension, the only one that the browser loads. Motion is at its end at once, the
/// cursor of a field is not seen. A browser of Google's own brand loads none from its command line, and such a page moves.
const STILL_CSS: &str = "*,*::before,*::after{animation-delay:-1ms!important;animation-duration:1ms!important;\
    animation-iteration-count:1!important;transition-delay:0s!important;transition-duration:0s!important;\
    scroll-behavior:auto!important;caret-color:transparent!important}";

/// The manifest of the extension: in every frame, before anything of the page runs.
const STILL_MANIFEST: &str = r#"{"manifest_version":3,"name":"still","version":"1","content_scripts":[{"matches":["<all_urls>"],
    "all_frames":true,"match_about_blank":true,"run_at":"document_start","world":"MAIN","css":["still.css"],"js":["still.js"]}]}"#;

/// A clock that stands at `AT`, in milliseconds: dates that the page makes itself are as they were.
const STILL_CLOCK: &str = "globalThis.Date=new Proxy(Date,{construct:(t,a,n)=>Reflect.construct(t,a.length?a:[AT],n),\
    apply:t=>new t(AT).toString(),get:(t,k)=>k==='now'?()=>AT:Reflect.get(t,k)});";

/// Writes the extension into `dir`.
fn write_still(dir: &Path, clock: Option<Timestamp>) -> Result<()> {
    let at = clock.map(|it| it.as_millisecond().to_string());
    let script = at.map_or_else(String::new, |at| STILL_CLOCK.replace("AT", &at));
    std::fs::create_dir(dir).map_err(io("make", dir))?;
    let files =
        [("manifest.json", STILL_MANIFEST), ("still.css", STILL_CSS), ("still.js", &script)];
    for (name, text) in files {
        std::fs::write(dir.join(name), text).map_err(io("write", &dir.join(name)))?;
    }
    Ok(())
}

fn no<T>(why: String) -> Result<T> {
    Err(Error::Screenshot { why })
}

fn address(target: &Target) -> Result<String> {
    match target {
        Target::Url(url) => {
            let is_web = url.starts_with("http://") || url.starts_with("https://");
            let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
            if is_web && is_plain {
                Ok(url.clone())
            } else {
                no(format!("`{url}` is no web address"))
            }
        }
        Target::File { path, root } => {
            let real = path.canonicalize().map_err(io("find", path))?;
            let root = root.canonicalize().map_err(io("find", root))?;
            if !real.starts_with(&root) {
                return no(format!("`{}` lies outside `{}`", path.display(), root.display()));
            }
            Ok(format!("file://{}", escaped(&real)))
        }
    }
}

/// Writes a path so that none of its characters ends or changes an address.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    let byte = |b: &u8| if is_plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") };
    path.as_os_str().as_bytes().iter().map(byte).collect()
}

fn read_picture(png: &Path, url: &str) -> Result<Picture> {
    let Ok(bytes) = std::fs::read(png) else {
        return no(format!("the browser wrote no picture of `{url}`; is it served?"));
    };
    let picture = crate::difference::decode(&bytes)?;
    let (width, height) = picture.dimensions();
    Ok(Picture { path: png.into(), digest: Digest::of(&bytes), width, height })
}
