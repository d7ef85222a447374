//! A diff on a page: unified or side by side, long files folded, findings below their lines, pictures beside what they were.

mod grammar;
pub mod parse;
pub(super) mod rounds;

use maud::{Markup, html};
use mission_domain::doc::FindingDoc;
use mission_domain::ticket::quoted;
use mission_domain::unseen::{is_unseen, on_one_line};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::glyph::{self, icon};
use super::words;
use parse::{FileDiff, FileKind, Hunk, Line, LineKind, Patch};

/// A file with more lines than this is folded.
const FOLD_AFTER: usize = 300;

/// A file shows this many lines, a page that many in all; git shows the rest.
const FILE_LINES: usize = 3_000;
const PAGE_LINES: usize = 12_000;

/// An excerpt shows this many lines in all, and of each folded file that many more.
const EXCERPT_LINES: usize = 400;
const FOLDED_LINES: usize = 60;

/// What the text of a finding about a removed line ends with; its number is the one before the change.
const REMOVED: &str = " (about a removed line)";

/// How a file ends that browsers draw, and that is no text.
const PICTURES: [&str; 5] = ["gif", "jpeg", "jpg", "png", "webp"];

/// A change between two commits, with what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Change<'a> {
    /// Its files.
    pub(super) patch: &'a Patch,
    /// What is said of them.
    pub(super) findings: &'a [FindingDoc],
    /// The address of its packet, below which its pictures are.
    pub(super) packet: String,
    /// The commit before.
    pub(super) before: &'a str,
    /// The commit after.
    pub(super) after: &'a str,
}

/// How the two sides stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Removed above added.
    #[default]
    Unified,
    /// Before beside after.
    Split,
}

impl Style {
    /// Returns the value of `style` in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "unified",
            Self::Split => "split",
        }
    }
}

/// How much of a change stands on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Its beginning, with links to the rest.
    Excerpt,
    /// All that one page holds.
    Whole,
}

/// Returns the list of changed files, each a link to its place.
pub(super) fn list(patch: &Patch) -> Markup {
    html! {
        ul.file-list aria-label="Changed files, read from git" {
            @for (n, file) in patch.files.iter().enumerate() {
                li { a href={ "#file-" (n) } title=(on_one_line(&file.path)) {
                    (icon("file-diff"))
                    span.trunc { (on_one_line(name(&file.path))) " " small { (on_one_line(folder(&file.path))) } }
                    (stat(file))
                } }
            }
        }
    }
}

/// Returns the last part of a path, and the rest.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns lines added and removed.
fn stat(file: &FileDiff) -> Markup {
    let (added, removed) = file.counts();
    html! {
        @if file.kind == FileKind::Binary { span.stat-diff { "binary" } }
        @else { span.stat-diff { span.plus { "+" (added) } " " span.minus { "−" (removed) } } }
    }
}

/// Returns all files one below the other, as much of them as `extent` says.
pub(super) fn files(change: &Change<'_>, style: Style, extent: Extent) -> Markup {
    let patch = change.patch;
    let mut left = if extent == Extent::Excerpt { EXCERPT_LINES } else { PAGE_LINES };
    let mut shown = Vec::new();
    for file in &patch.files {
        // What is folded takes no room from the others.
        let is_apart = extent == Extent::Excerpt && is_folded(file, change);
        let lines = file.len().min(if is_apart { FOLDED_LINES } else { FILE_LINES.min(left) });
        left -= if is_apart { 0 } else { lines };
        shown.push((file, lines));
    }
    html! {
        div.diffs data-colour=(grammar::engine()) {
            @for (n, (file, lines)) in shown.iter().enumerate() {
                (whole(n, file, *lines, style, change, &rest(n, file, file.len() - lines, change, extent)))
            }
            @if patch.is_cut { div.banner.apart data-tone="warn" { (icon("file-diff")) p { b { "Cut. " } "The change is longer than 4 MiB; " code { "git diff " (range(change)) } " shows all of it." } } }
        }
    }
}

/// Returns what is said of a change's file, whatever the line.
fn said<'a>(file: &FileDiff, change: &Change<'a>) -> Vec<&'a FindingDoc> {
    change.findings.iter().filter(|f| f.file.as_deref() == Some(file.path.as_str())).collect()
}

/// Returns whether a file is folded at first: it is long, and nothing is said of it.
fn is_folded(file: &FileDiff, change: &Change<'_>) -> bool {
    file.len() > FOLD_AFTER && said(file, change).is_empty()
}

/// Returns both commits of a change as git's commands name them.
fn range(change: &Change<'_>) -> String {
    format!("{}..{}", words::short(change.before), words::short(change.after))
}

/// Returns where the lines of a file are that are not shown.
fn rest(n: usize, file: &FileDiff, more: usize, change: &Change<'_>, extent: Extent) -> Markup {
    let lines = words::count(more, "more line");
    let path = file.was.iter().chain([&file.path]).map(|it| quoted(it)).collect::<Vec<_>>();
    html! {
        @if more == 0 {}
        @else if extent == Extent::Excerpt { p.pad { a.ln href={ (change.packet) "/diff#file-" (n) } { (lines) " in the full diff" } } }
        @else { p.pad.mid { (lines) ". See " (if more == 1 { "it" } else { "them" }) " with " code { "git diff " (range(change)) " -- " (on_one_line(&path.join(" "))) } } }
    }
}

/// Returns one file behind its heading.
fn whole(
    n: usize,
    file: &FileDiff,
    lines: usize,
    style: Style,
    change: &Change<'_>,
    rest: &Markup,
) -> Markup {
    let here = said(file, change);
    html! {
        div.diff-box {
        details.diff-file id={ "file-" (n) } data-file=(file.path) data-grammar=[grammar::of(&file.path)] open[!is_folded(file, change)] {
            summary {
                (icon("chevron-down"))
                code { @if let Some(was) = &file.was { (on_one_line(was)) " → " } (on_one_line(&file.path)) }
                (kind(file))
                @if let Some(told) = file.told() { span.tag data-tone="warn" { (told) } }
                @if !here.is_empty() { span.verdict data-v="changes" { (icon("message-square")) span { (words::count(here.len(), "finding")) } } }
                span.end { (stat(file)) }
            }
            @for f in here.iter().filter(|f| f.line.is_none()) { (finding(f)) }
            @if hides(file) { div.banner.apart data-tone="warn" { (icon("shield-alert")) p { "It has characters that are not seen, or turn the text around. Each stands here as its number, like " code { "\\u202e" } "." } } }
            @if is_picture(file) { (pictures(file, change)) }
            @else if file.is_empty() { p.pad.mid { (nothing(file)) } }
            @else { (table(file, lines, style, &here)) }
            (rest)
        }
        label.viewed { input type="checkbox" data-viewed=(file.path) aria-label={ "Viewed: " (on_one_line(&file.path)) }; " Viewed" }
        }
    }
}

/// Returns what happened to a file as a whole.
fn kind(file: &FileDiff) -> Markup {
    let word = match file.kind {
        FileKind::Binary if file.was.is_some() => "renamed",
        FileKind::Binary if file.old_mode.is_none() => "new",
        FileKind::Binary if file.mode.is_none() => "removed",
        FileKind::Changed | FileKind::Binary => return html! {},
        FileKind::Added => "new",
        FileKind::Removed => "removed",
        FileKind::Renamed => "renamed",
    };
    html! { span.tag { (word) } }
}

/// Returns whether it is a picture that browsers draw.
fn is_picture(file: &FileDiff) -> bool {
    let end = file.path.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    file.kind == FileKind::Binary && end.is_some_and(|it| PICTURES.contains(&it.as_str()))
}

/// Returns the picture before beside the one after; where one is missing, that it is.
fn pictures(file: &FileDiff, change: &Change<'_>) -> Markup {
    let side = |when: &str, is_there: bool, commit: &str, path: &str| {
        let path_value = utf8_percent_encode(path, NON_ALPHANUMERIC);
        let address = format!("{}/pictures/{commit}?path={path_value}", change.packet);
        html! {
            figure {
                figcaption { (when) " " @if is_there { span.hash { (words::short(commit)) } } }
                @if is_there { a href=(address) { img src=(address) loading="lazy" data-picture alt={ (on_one_line(path)) ", " (when) }; } }
                @else { p.mid { "There is none." } }
            }
        }
    };
    let was = file.was.as_deref().unwrap_or(&file.path);
    html! {
        div.pictures {
            (side("before", file.old_mode.is_some(), change.before, was))
            (side("after", file.mode.is_some(), change.after, &file.path))
        }
    }
}

/// Returns whether a line of it has what a page would obey or leave out.
fn hides(file: &FileDiff) -> bool {
    let texts = file.hunks.iter().flat_map(|it| &it.lines).map(|it| &it.text);
    texts.flat_map(|it| it.chars()).any(|it| it != '\t' && is_unseen(it))
}

/// Returns what is said of a file without lines.
fn nothing(file: &FileDiff) -> &'static str {
    match file.kind {
        FileKind::Binary => "Not text; its bytes changed.",
        FileKind::Renamed if file.old_mode != file.mode => "Its name and its mode changed.",
        FileKind::Renamed => "Its name changed, and nothing in it.",
        FileKind::Added | FileKind::Removed => "It is empty.",
        FileKind::Changed => "Only its mode changed.",
    }
}

/// Returns the lines of a file as a table.
fn table(file: &FileDiff, lines: usize, style: Style, findings: &[&FindingDoc]) -> Markup {
    let mut left = lines;
    let mut hunks = Vec::new();
    for hunk in &file.hunks {
        let shown = hunk.lines.len().min(left);
        left -= shown;
        if shown > 0 {
            hunks.push((hunk, hunk.lines.get(..shown).unwrap_or_default()));
        }
    }
    html! {
        div.diff tabindex="0" role="region" aria-label={ "Change of " (on_one_line(&file.path)) } {
            table data-style=(style.as_str()) {
                caption.sr { "Change of " (on_one_line(&file.path)) }
                @for (hunk, lines) in hunks {
                    tbody { (place(hunk, style)) @match style { Style::Unified => { (unified(lines, findings)) } Style::Split => { (split(lines, findings)) } } }
                }
            }
        }
    }
}

/// Returns the row that says where a hunk is.
fn place(hunk: &Hunk, style: Style) -> Markup {
    let columns = if style == Style::Split { "4" } else { "3" };
    html! { tr.place { td colspan=(columns) { (hunk.place) " " span.mid { (hunk.within) } } } }
}

/// Returns lines one below the other, findings below theirs.
fn unified(lines: &[Line], findings: &[&FindingDoc]) -> Markup {
    html! {
        @for line in lines {
            tr.(class(line.kind)) data-line=[line.new] data-was=[line.old] {
                td { (number(line.old)) } td { (number(line.new)) } td { (sign(line.kind)) code { (line.text) } }
            }
            @for f in at(findings, Some(line)) { tr.found { td colspan="3" { (finding(f)) } } }
        }
    }
}

/// Returns lines side by side: each run of removed ones beside the run of added ones that follows it.
fn split(lines: &[Line], findings: &[&FindingDoc]) -> Markup {
    let mut rows: Vec<(Option<&Line>, Option<&Line>)> = Vec::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        if first.kind == LineKind::Same {
            rows.push((Some(first), Some(first)));
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let run = |lines: &[Line], kind| lines.iter().take_while(|it| it.kind == kind).count();
        let (gone, after) = rest.split_at(run(rest, LineKind::Removed));
        let (new, after) = after.split_at(run(after, LineKind::Added));
        for n in 0..gone.len().max(new.len()) {
            rows.push((gone.get(n), new.get(n)));
        }
        rest = after;
    }
    html! {
        @for (old, new) in rows {
            tr data-line=[new.and_then(|it| it.new)] data-was=[old.and_then(|it| it.old)] {
                (side(old, true)) (side(new, false))
            }
            @let gone = old.filter(|it| it.kind == LineKind::Removed);
            @for f in at(findings, gone).into_iter().chain(at(findings, new)) { tr.found { td colspan="4" { (finding(f)) } } }
        }
    }
}

/// Returns one side of a row.
fn side(line: Option<&Line>, is_old: bool) -> Markup {
    html! {
        @match line {
            Some(line) => { td.n.(class(line.kind)) { (number(if is_old { line.old } else { line.new })) } td.(class(line.kind)) { (sign(line.kind)) code { (line.text) } } }
            None => { td.n.none {} td.none {} }
        }
    }
}

fn number(n: Option<u32>) -> Markup {
    html! { @if let Some(n) = n { (n) } }
}

fn class(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Same => "same",
        LineKind::Added => "add",
        LineKind::Removed => "del",
    }
}

/// Returns the mark of a line: a change is told by more than its colour.
fn sign(kind: LineKind) -> Markup {
    let (mark, word) = match kind {
        LineKind::Same => (" ", ""),
        LineKind::Added => ("+", "added "),
        LineKind::Removed => ("−", "removed "),
    };
    html! { i aria-hidden="true" { (mark) } @if !word.is_empty() { span.sr { (word) } } }
}

/// Returns the findings about one line: of a removed one those that say so.
fn at<'a>(findings: &[&'a FindingDoc], line: Option<&Line>) -> Vec<&'a FindingDoc> {
    let Some(line) = line else { return Vec::new() };
    let is_gone = line.kind == LineKind::Removed;
    let number = if is_gone { line.old } else { line.new };
    let is_here = |f: &&FindingDoc| f.line == number && f.text.ends_with(REMOVED) == is_gone;
    findings.iter().copied().filter(is_here).collect()
}

/// Returns a finding in its place.
fn finding(f: &FindingDoc) -> Markup {
    html! {
        div.found-note {
            p { (glyph::verdict(&f.state)) " " b { bdi { (words::principal(&f.principal)) } } " " span.dim { (f.id) " · " (words::gate(&f.gate)) } }
            p dir="auto" { (f.text) }
            @if let Some(answer) = &f.answer { p.mid dir="auto" { "Answered: " (answer) } }
        }
    }
}
