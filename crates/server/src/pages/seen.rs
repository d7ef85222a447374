//! The last hand on every page and fragment: what a browser would obey or leave out in a text is made visible.

use maud::{Markup, PreEscaped};
use mission_domain::unseen::{is_unseen, marked};

/// What a person edits or sends keeps what it is; so does what is no text.
const AS_THEY_ARE: [&str; 3] = ["textarea", "script", "style"];

/// Attributes that a person reads.
const READ: [&str; 4] = ["title", "aria-label", "alt", "placeholder"];

/// Returns `html` with every unseen character of its texts as [`marked`] writes it. Markup is ours, and so is well-formed: a
/// `<` begins a tag, a `>` ends it.
pub(crate) fn seen(html: Markup) -> Markup {
    let is_hidden = |c: char| is_unseen(c) && !matches!(c, '\n' | '\t' | '\r');
    if !html.0.contains(is_hidden) {
        return html;
    }
    let mut out = String::with_capacity(html.0.len() + 256);
    let mut rest = html.0.as_str();
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        out.push_str(&marked(text));
        let (tag, after) = tag.split_at(tag.find('>').map_or(tag.len(), |it| it + 1));
        read(tag, &mut out);
        rest = after;
        let name = tag.trim_start_matches('<').split(|c: char| !c.is_ascii_alphanumeric()).next();
        if let Some(name) = name.filter(|it| AS_THEY_ARE.contains(it)) {
            let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            let (kept, after) = rest.split_at(end);
            out.push_str(kept);
            rest = after;
        }
    }
    out.push_str(&marked(rest));
    PreEscaped(out)
}

/// Writes a tag, with the attributes that a person reads marked.
fn read(tag: &str, out: &mut String) {
    let mut name = "";
    for (n, part) in tag.split('"').enumerate() {
        if n > 0 {
            out.push('"');
        }
        let is_value = n % 2 == 1;
        if is_value && READ.contains(&name) {
            out.push_str(&marked(part));
        } else {
            out.push_str(part);
            name = part.trim_end_matches('=').rsplit(' ').next().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::seen;

    #[test]
    fn texts_show_what_hides_and_what_is_sent_keeps_it() {
        let evil = "a\u{202e}b\u{e0061}";
        let page = seen(html! {
            title { (evil) } p title=(evil) data-file=(evil) { (evil) " & <b>" }
            input name="x" value=(evil); textarea { (evil) } a href=(evil) aria-label=(evil) { "é" (evil) }
        });
        let shown = r"a\u202eb\U000e0061";
        assert_eq!(
            page.into_string(),
            format!(
                "<title>{shown}</title><p title=\"{shown}\" data-file=\"{evil}\">{shown} &amp; &lt;b&gt;</p>\
                 <input name=\"x\" value=\"{evil}\"><textarea>{evil}</textarea><a href=\"{evil}\" aria-label=\"{shown}\">é{shown}</a>"
            )
        );
    }

    #[test]
    fn a_page_without_such_characters_is_what_it_was() {
        let page = html! { p title="a > b · c" { "x\r\n\ty ⚠" } };
        assert_eq!(seen(page.clone()).into_string(), page.into_string());
    }
}
