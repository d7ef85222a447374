//! A private view of the file system: only what is listed is there at all. Landlock refuses to open other files, yet it
//! does not keep a program from a socket whose path it knows; what is not there has no path.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the view is put together, until it becomes the root: any folder that is there.
const BASES: [&str; 4] = ["/tmp", "/run", "/mnt", "/proc"];

/// Names beneath `/dev` that programs expect, with where they lead.
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Everything the child needs to make its view, prepared before the fork.
#[derive(Debug)]
pub(crate) struct View {
    /// The folder that it is put together on.
    pub(crate) base: CString,
    /// What is in it, parents first.
    pub(crate) binds: Vec<Bind>,
    /// Symbolic links: where they lead, and where they are.
    pub(crate) links: Vec<(CString, CString)>,
    /// Where the command starts.
    pub(crate) cwd: CString,
}

/// One listed path.
#[derive(Debug)]
pub(crate) struct Bind {
    /// Folders to make first.
    pub(crate) parents: Vec<CString>,
    /// Where it is now, seen from the first turn of the root.
    pub(crate) source: CString,
    /// Where it will be.
    pub(crate) target: CString,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
    /// Whether nothing may be written there.
    pub(crate) is_read_only: bool,
}

impl View {
    /// Prepares the view of `read` and `write`, with `tmp` as its `/tmp` and `cwd` to start in. `holds_writes` says
    /// whether the view itself has to keep what is only readable from being written.
    ///
    /// Returns nothing where this machine has no folder to put it together on.
    pub(crate) fn of(
        read: &[PathBuf],
        write: &[PathBuf],
        tmp: Option<&Path>,
        cwd: &Path,
        holds_writes: bool,
    ) -> Option<Self> {
        let base = BASES.iter().find(|it| Path::new(it).is_dir())?;
        let listed = read.iter().map(|it| (it, false)).chain(write.iter().map(|it| (it, true)));
        let (mut places, mut aliases) = (BTreeMap::new(), BTreeMap::new());
        for (path, is_written) in listed {
            let Ok(real) = path.canonicalize() else { continue };
            if real.parent().is_none() {
                continue;
            }
            if *path != real && path.is_absolute() {
                aliases.insert(path.clone(), real.clone());
            }
            *places.entry(real).or_insert(false) |= is_written;
        }
        let is_in_tmp = |it: &PathBuf| it.starts_with("/tmp");
        let tmp = tmp.filter(|_| !places.keys().chain(aliases.keys()).any(is_in_tmp));
        if let Some(real) = tmp.and_then(|it| it.canonicalize().ok()) {
            aliases.insert(PathBuf::from("/tmp"), real);
        }
        let mut binds: Vec<Bind> = Vec::new();
        let mut there: Vec<(PathBuf, bool)> = Vec::new();
        let around = |there: &[(PathBuf, bool)], target: &Path| {
            there.iter().rev().find(|it| target.starts_with(&it.0)).map(|it| it.1)
        };
        for (real, is_written) in &places {
            // What lies in a place that is there is there with it, unless it may be written and that may not.
            if around(&there, real).is_some_and(|is_open| is_open || !is_written) {
                continue;
            }
            binds.push(Bind::of(real, real, holds_writes && !is_written)?);
            there.push((real.clone(), *is_written));
        }
        for (alias, real) in aliases {
            // A link inside a place leads to where its end is, which is there too.
            if around(&there, &alias).is_none() {
                let is_written = places.iter().any(|it| *it.1 && real.starts_with(it.0));
                binds.push(Bind::of(&real, &alias, holds_writes && !is_written)?);
                there.push((alias, true));
            }
        }
        let text = |it: &str| CString::new(it).ok();
        let at = |it: &str| text(&format!("/newroot{it}"));
        let links = LINKS.iter().filter_map(|it| Some((text(it.1)?, at(it.0)?))).collect();
        let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_path_buf());
        let cwd = CString::new(cwd.as_os_str().as_bytes()).ok()?;
        Some(Self { base: text(base)?, binds, links, cwd })
    }
}

impl Bind {
    fn of(real: &Path, target: &Path, is_read_only: bool) -> Option<Self> {
        Some(Self {
            parents: parents_of(target),
            source: joined("/oldroot", real)?,
            target: joined("/newroot", target)?,
            is_folder: real.is_dir(),
            is_read_only,
        })
    }
}

/// Returns the folders above `target`, outermost first.
fn parents_of(target: &Path) -> Vec<CString> {
    let above: Vec<&Path> = target.ancestors().skip(1).filter(|it| it.parent().is_some()).collect();
    above.into_iter().rev().filter_map(|it| joined("/newroot", it)).collect()
}

fn joined(root: &str, path: &Path) -> Option<CString> {
    let mut bytes = root.as_bytes().to_vec();
    bytes.extend_from_slice(path.as_os_str().as_bytes());
    CString::new(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_another_is_there_once_and_again_only_to_be_written() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().canonicalize().expect("real").join(name);
        std::fs::create_dir_all(at("read/inner/deep")).expect("folders");
        std::fs::create_dir_all(at("link-target")).expect("folders");
        std::os::unix::fs::symlink(at("link-target"), at("link")).expect("a link");
        let read = [at("read"), at("read/inner"), at("link"), at("missing")];
        let view = View::of(&read, &[at("read/inner/deep")], None, &at("read"), true);
        let view = view.expect("a view");
        let targets: Vec<String> = view
            .binds
            .iter()
            .map(|it| {
                let target = it.target.to_string_lossy().into_owned();
                let name = target.replace(&format!("/newroot{}", at("").display()), "");
                format!("{name} {}", if it.is_read_only { "ro" } else { "rw" })
            })
            .collect();
        assert_eq!(targets, ["link-target ro", "read ro", "read/inner/deep rw", "link ro"]);
    }
}
