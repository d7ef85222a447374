//! Texts that people and agents write as Markdown, as markup. Nothing of it is trusted: no HTML of theirs, no picture from elsewhere.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd, html};

/// Returns `text` as markup. HTML in it stands as text; a picture is a link to it; a heading is a strong line, since a text has
/// no place in the page's own order of headings; a link leads to the web or into this site and nowhere else.
pub(super) fn rendered(text: &str) -> Markup {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, Parser::new_ext(text, options).flat_map(tamed));
    PreEscaped(out)
}

/// Returns what stands for `event`: one or two events, or none.
fn tamed(event: Event<'_>) -> Vec<Event<'_>> {
    let link = |url: &str| Event::InlineHtml(opening(url).into());
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
        // An alignment would stand in a style of its own, which no page may carry.
        Event::Start(Tag::Table(columns)) => {
            vec![Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))]
        }
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            vec![link(&dest_url)]
        }
        Event::End(TagEnd::Link | TagEnd::Image) => vec![Event::InlineHtml("</a>".into())],
        Event::TaskListMarker(done) => vec![Event::Text(if done { "☑ " } else { "☐ " }.into())],
        // People's line ends mean something: a list of facts, one a line.
        Event::SoftBreak => vec![Event::HardBreak],
        other => vec![other],
    }
}

/// Returns the start of a link to `url`; one that leads elsewhere than to the web or into this site is no link.
fn opening(url: &str) -> String {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_here = (url.starts_with('/') && !url.starts_with("//")) || url.starts_with('#');
    if is_web || is_here {
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
            "&lt;b&gt; &#60;script&#62;",
        ] {
            let html = shown(text);
            let foreign = ["style=", "<script", "<img", "<div", "<b>", "<style", "<i>", "<!--"];
            assert!(foreign.iter().all(|it| !html.contains(it)), "{text}\n{html}");
        }
    }

    #[test]
    fn a_link_leads_to_the_web_or_into_this_site_and_a_picture_is_a_link() {
        assert_eq!(
            shown("[a](https://a.example/?q=\"x)"),
            shown("[a](https://a.example/?q=%22x)").replace("%22", "&quot;")
        );
        assert!(shown("[a](/tickets/A-1)").contains(r#"<a href="/tickets/A-1""#));
        for url in [
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
    fn what_was_begun_and_not_ended_is_ended() {
        for text in
            ["**bold", "[a](https://a.example", "- a\n  - b\n    - c", "> q\n> > r", "```\nx"]
        {
            let html = shown(text);
            for tag in ["p", "strong", "ul", "li", "blockquote", "pre", "code", "a"] {
                let count = |it: &str| html.matches(it).count();
                let begun = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
                assert_eq!(begun, count(&format!("</{tag}>")), "{tag} in {text}: {html}");
            }
        }
    }
}
