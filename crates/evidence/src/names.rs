//! Names that are safe as a directory or as part of a ref.

use crate::{Error, Result};

/// Returns `name` where it can be one directory's name: letters, digits, `-`, `_`, `.`, not starting with `.` or `-`,
/// at most 100 characters. Everything else, `../` above all, is refused.
pub fn directory_name(name: &str) -> Result<&str> {
    let bad = |why| Err(Error::BadName { name: name.chars().take(100).collect(), why });
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 100 {
        return bad("it must have 1 to 100 characters");
    }
    if name.starts_with(['.', '-']) {
        return bad("it must not begin with `.` or `-`");
    }
    if !name.chars().all(is_plain) {
        return bad("only letters, digits, `-`, `_` and `.` are allowed");
    }
    Ok(name)
}

/// Returns `name` where it can be a branch's name as git understands it; refuses `../`, control characters and what
/// git would read as an option or an expression.
pub fn branch_name(name: &str) -> Result<&str> {
    let bad = |why| Err(Error::BadName { name: name.chars().take(100).collect(), why });
    if name.is_empty() || name.len() > 200 {
        return bad("a branch has 1 to 200 characters");
    }
    let is_odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    if name.contains(is_odd) || name.contains("..") || name.contains("@{") || name == "@" {
        return bad("git does not allow this in a branch's name");
    }
    let is_odd_part = |part: &str| {
        part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.ends_with('.')
    };
    if name.starts_with('-') || name.split('/').any(is_odd_part) {
        return bad("no part may be empty, begin with `.`, or end with `.` or `.lock`");
    }
    Ok(name)
}
