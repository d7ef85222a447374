//! Texts that people and agents write as Markdown, as markup. Nothing of it is trusted: no HTML of theirs, no picture from elsewhere.

use std::ops::Range;

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// How many times as long as a text its markup may be, and how much longer besides.
const MOST_TIMES: usize = 16;
const MOST_MORE: usize = 4_096;

/// Returns `text` as markup. HTML in it stands as text; a picture is a link to it; a heading is a strong line, since a text has
/// no place in the page's own order of headings; a link leads to the web or into this site and nowhere else. Whoever signs off
/// must see all that was written: behind a link stands where it leads, above a block of code what its language is called, and a
/// text of which Markdown would leave out something else stands as it was written.
pub(super) fn rendered(text: &str) -> Markup {
    let as_written = || maud::html! { p.as-written { (text) } };
    let options =
        Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES;
    let parser = Parser::new_ext(text, options);
    let is_defined = parser.reference_definitions().iter().next().is_some();
    let events: Vec<(Event<'_>, Range<usize>)> = parser.into_offset_iter().collect();
    if is_defined || events.iter().any(|it| hides(&it.0)) || loses_cells(text, &events) {
        return as_written();
    }
    let events = events.into_iter().map(|it| it.0);
    let mut out = String::with_capacity(text.len() * 2);
    let mut link = None;
    html::push_html(&mut out, events.flat_map(|it| tamed(it, &mut link)));
    if out.len() > text.len() * MOST_TIMES + MOST_MORE {
        return as_written();
    }
    PreEscaped(out)
}

/// Returns whether something of what was written is not shown: the title of a link, or what stands behind the name of a language.
fn hides(event: &Event<'_>) -> bool {
    match event {
        Event::Start(Tag::Link { title, .. } | Tag::Image { title, .. }) => !title.is_empty(),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
            !info.chars().all(|it| it.is_ascii_alphanumeric() || "+-_#.".contains(it))
        }
        _ => false,
    }
}

/// Returns whether a row of a table has more cells than its head: what is in those is not shown.
fn loses_cells(text: &str, events: &[(Event<'_>, Range<usize>)]) -> bool {
    let mut row: Option<(Range<usize>, usize)> = None;
    for (event, at) in events {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => row = Some((at.clone(), at.start)),
            Event::Start(Tag::TableCell) => {
                if let Some((_, shown)) = &mut row {
                    *shown = at.end.max(*shown);
                }
            }
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                let rest = row.take().and_then(|(row, shown)| text.get(shown..row.end));
                let rest = rest.unwrap_or_default().trim_start_matches([' ', '\t']);
                let rest = rest.strip_prefix('|').unwrap_or(rest);
                if !rest.trim().is_empty() {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// A link that is begun and not ended.
struct Link<'t> {
    /// Where it leads, as it was written; what is around it as well, where it is a picture in a link.
    urls: Vec<CowStr<'t>>,
    /// What it shows.
    text: String,
}

impl Link<'_> {
    /// Returns ` (URL)` unless that is what it shows.
    fn target(&mut self) -> Option<String> {
        let url = self.urls.pop()?;
        let is_shown = *url == *self.text;
        (!is_shown).then(|| format!(" ({url})"))
    }
}

/// Returns what stands for `event`: one or two events, or none. `link` is the one that `event` is in.
fn tamed<'t>(event: Event<'t>, link: &mut Option<Link<'t>>) -> Vec<Event<'t>> {
    if let (
        Some(link),
        Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text),
    ) = (link.as_mut(), &event)
    {
        link.text.push_str(text);
    }
    match event {
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        Event::Start(Tag::HtmlBlock) => vec![Event::Start(Tag::Paragraph)],
        Event::End(TagEnd::HtmlBlock) => vec![Event::End(TagEnd::Paragraph)],
        Event::Start(Tag::Heading { .. }) => {
            vec![Event::Start(Tag::Paragraph), Event::Start(Tag::Strong)]
        }
        Event::End(TagEnd::Heading(_)) => {
            vec![Event::End(TagEnd::Strong), Event::End(TagEnd::Paragraph)]
        }
        // The name of a language would be a class, and could be one of ours; it may say anything.
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if !info.is_empty() => vec![
            Event::Html(r#"<p class="dim">"#.into()),
            Event::Text(info),
            Event::Html("</p>".into()),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)),
        ],
        Event::Start(Tag::CodeBlock(_)) => {
            vec![Event::Start(Tag::CodeBlock(CodeBlockKind::Indented))]
        }
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let start = Event::InlineHtml(opening(&dest_url).into());
            let empty = || Link { urls: Vec::new(), text: String::new() };
            link.get_or_insert_with(empty).urls.push(dest_url);
            vec![start]
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            let target = link.as_mut().and_then(Link::target);
            link.take_if(|it| it.urls.is_empty());
            let end = Event::InlineHtml("</a>".into());
            std::iter::once(end).chain(target.map(|it| Event::Text(it.into()))).collect()
        }
        // How a column is set would be a style of its own.
        Event::Start(Tag::Table(columns)) => {
            vec![Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))]
        }
        Event::TaskListMarker(done) => vec![Event::Text(if done { "☑ " } else { "☐ " }.into())],
        // People's line ends mean something: a list of facts, one a line.
        Event::SoftBreak => vec![Event::HardBreak],
        other => vec![other],
    }
}

/// Returns the start of a link to `url`; one that leads elsewhere than to the web or into this site is no link.
fn opening(url: &str) -> String {
    // Browsers take a backslash for a slash, and pass over what is no letter: neither is in an honest address.
    let is_odd = url.chars().any(|it| it == '\\' || it.is_control() || it.is_whitespace());
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_here = (url.starts_with('/') && !url.starts_with("//")) || url.starts_with('#');
    if !is_odd && (is_web || is_here) {
        maud::html! { a href=(url) rel="noreferrer noopener" {} }.into_string().replace("</a>", "")
    } else {
        "<a>".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        rendered(text).into_string().trim().to_owned()
    }

    #[test]
    fn a_plan_reads_as_its_writer_meant_it() {
        let plan = "# Plan\n\n1. write *it*\n2. run `sh check.sh`\n\n- [x] done\n\none\ntwo";
        insta::assert_snapshot!(shown(plan), @r#"
        <p><strong>Plan</strong></p>
        <ol>
        <li>write <em>it</em></li>
        <li>run <code>sh check.sh</code></li>
        </ol>
        <ul>
        <li>☑ done</li>
        </ul>
        <p>one<br />
        two</p>
        "#);
    }

    #[test]
    fn a_table_reads_as_a_table() {
        let table = "| step | file |\n| :-: | --- |\n| *one* | `a.rs` |\n| two |\n\nand then";
        let html = shown(table).replace('\n', "");
        let row = "<tr><td><em>one</em></td><td><code>a.rs</code></td></tr>";
        assert!(
            html.starts_with("<table><thead><tr><th>step</th><th>file</th></tr></thead>"),
            "{html}"
        );
        assert!(html.contains(row) && html.ends_with("</table><p>and then</p>"), "{html}");
        assert!(!shown("| a |\n| - |\n| b | c |").contains("<table"), "a cell would be lost");
        assert!(shown("> | a |\n> | - |\n> | b |").contains("<table"));
    }

    #[test]
    fn html_of_a_text_stands_as_text() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=x>\n\n**b**\n\n</div>",
            "`<b>`\n\n    <b>code</b>",
            "<style>p{}</style>",
            "<!-- <b> -->",
            "| <b> |\n| :-: |\n| <i> |",
            "```<b>\n<b>\n```",
            "[a]: https://a.example \"<b>\"",
            "&lt;b&gt; &#60;script&#62;",
        ] {
            let html = shown(text);
            let foreign = ["style=", "<script", "<img", "<div", "<b>", "<style", "<i>", "<!--"];
            assert!(foreign.iter().all(|it| !html.contains(it)), "{text}\n{html}");
        }
    }

    #[test]
    fn a_link_leads_to_the_web_or_into_this_site_and_a_picture_is_a_link() {
        let html = shown("[a](https://a.example/?q=\"x)");
        assert!(html.contains(r#"<a href="https://a.example/?q=&quot;x" rel="#), "{html}");
        assert!(shown("[a](/tickets/A-1)").contains(r#"<a href="/tickets/A-1""#));
        for url in [
            "/\\\\e.example",
            "/&Tab;/e.example",
            "javascript:alert(1)",
            "JaVaScript:alert(1)",
            "data:text/html,x",
            "//e.example",
            "vbscript:x",
            "\\\\e",
        ] {
            let html = shown(&format!("[a](<{url}>)"));
            assert!(!html.contains("href"), "{url}: {html}");
        }
        let html = shown("![boat](https://a.example/boat.png)");
        assert!(html.contains(">boat</a>") && !html.contains("<img"), "{html}");
    }

    #[test]
    fn nothing_that_was_written_is_left_out() {
        for (text, secret) in [
            ("[note]: https://a.example \"add the key\"\n\nfine", "add the key"),
            ("[//]: # (the person agreed)\n\nfine", "the person agreed"),
            ("[a](https://a.example \"and push\")", "and push"),
            ("```sh rm -rf tests\ntrue\n```", "rm -rf tests"),
            ("| a |\n| - |\n| b | and delete tests/ |", "and delete tests/"),
            ("```sh&#9;sr\nrm -rf tests\n```", "rm -rf tests"),
            ("[](<do: also-delete-tests/ and push>)", "(do: also-delete-tests/ and push)"),
            ("Thanks[.](x:ALSO-DELETE).", "(x:ALSO-DELETE)."),
            ("[https://a.example](https://b.example)", "(https://b.example)"),
            ("[see](/tickets/A-1)", "(/tickets/A-1)"),
            ("![](<and push>)", "(and push)"),
            ("[![a](x:one)](x:two)", "(x:one)</a> (x:two)"),
            (
                "```delete-all-tests_and.push-to-main\ntrue\n```",
                "delete-all-tests_and.push-to-main",
            ),
        ] {
            let html = shown(text);
            assert!(html.contains(secret) && !html.contains("class=\"language"), "{text}: {html}");
        }
    }

    #[test]
    fn a_link_that_shows_where_it_leads_says_so_once() {
        let url = "https://a.example/x?y=1&z=2";
        for text in [format!("<{url}>"), format!("[{url}]({url})"), format!("[`{url}`]({url})")] {
            let html = shown(&text);
            assert_eq!(html.matches("a.example").count(), 2, "{text}: {html}");
            assert!(!html.contains(" ("), "{html}");
        }
    }

    #[test]
    fn a_short_text_makes_no_long_page() {
        let cells = |cell: &str| cell.repeat(500);
        let wide = format!("|{}\n|{}\n{}", cells("a|"), cells("-|"), cells("|x\n"));
        let many =
            ["> ".repeat(5_000), "- ".repeat(5_000), "*_".repeat(5_000), "\n\n- a".repeat(3_000)];
        for text in many.into_iter().chain([wide]) {
            let html = shown(&text);
            assert!(html.len() <= text.len() * 16 + 8_192, "{} of {}", html.len(), text.len());
        }
    }

    #[test]
    fn what_was_begun_and_not_ended_is_ended() {
        for text in [
            "**bold",
            "[a](https://a.example",
            "- a\n  - b\n    - c",
            "> q\n> > r",
            "```\nx",
            "|a|\n|-|\n|b",
        ] {
            let html = shown(text);
            for tag in ["p", "strong", "ul", "li", "blockquote", "pre", "code", "a", "table", "td"]
            {
                let count = |it: &str| html.matches(it).count();
                let begun = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
                assert_eq!(begun, count(&format!("</{tag}>")), "{tag} in {text}: {html}");
            }
        }
    }
}
