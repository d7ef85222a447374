//! Takes our own HTML apart at the elements that have an id, so that a change can be sent without what is around it.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;

/// Elements that maud and HTML write without an end.
const WITHOUT_END: [&str; 6] = ["input", "img", "br", "hr", "meta", "link"];

/// A piece of HTML, and the elements with an id inside it.
#[derive(Debug, PartialEq)]
pub(super) struct Element {
    /// Its id.
    pub(super) id: String,
    /// Where it is in the text that was taken apart.
    pub(super) at: Range<usize>,
    /// The hash of what is its own: the text without the elements inside.
    pub(super) own: u64,
    /// Whether nothing but elements with an id is inside, so that single ones can come and go.
    pub(super) is_list: bool,
    /// The elements inside, in order.
    pub(super) inner: Vec<Element>,
}

/// One tag that has been opened.
struct Open<'a> {
    name: &'a str,
    /// The element that it begins, where it has an id of its own.
    begins: Option<Part>,
}

/// An element whose end has not been seen.
struct Part {
    id: String,
    from: usize,
    /// Where what is its own goes on.
    own_from: usize,
    own: DefaultHasher,
    is_list: bool,
    inner: Vec<Element>,
}

impl Part {
    fn new(id: &str, from: usize) -> Self {
        let (own, inner) = (DefaultHasher::new(), Vec::new());
        Self { id: id.into(), from, own_from: from, own, is_list: true, inner }
    }

    /// Takes what is its own up to `to`; `is_inside` where that is not its own tag.
    fn takes(&mut self, html: &str, to: usize, is_inside: bool) {
        let own = html.get(self.own_from..to).unwrap_or_default();
        self.own.write(own.as_bytes());
        self.is_list &= !is_inside || own.trim().is_empty();
        self.own_from = to;
    }

    fn ends(self, at: usize) -> Element {
        let Self { id, from, own, is_list, inner, .. } = self;
        Element { id, at: from..at, own: own.finish(), is_list, inner }
    }
}

/// Takes `html` apart. A form is one piece: it may be in use. A terminal is none at all: it is appended to.
pub(super) fn split(id: &str, html: &str) -> Element {
    let top = Part::new(id, 0);
    let mut splitter = Splitter { html, top, stack: Vec::new(), whole_from: None };
    let mut at = 0;
    while let Some((from, to, tag)) = next_tag(html, at) {
        at = to;
        match tag.strip_prefix('/') {
            Some(name) => splitter.closes(name, from, to),
            None => splitter.opens(tag, from, to),
        }
    }
    let mut top = splitter.top;
    top.takes(html, html.len(), true);
    top.is_list = false;
    top.ends(html.len())
}

/// What is known between two tags.
struct Splitter<'a> {
    html: &'a str,
    top: Part,
    stack: Vec<Open<'a>>,
    /// How many tags are around the form or terminal that this is inside of.
    whole_from: Option<usize>,
}

impl<'a> Splitter<'a> {
    fn opens(&mut self, tag: &'a str, from: usize, to: usize) {
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if WITHOUT_END.contains(&name) || tag.starts_with('!') {
            return;
        }
        let is_screen = tag.contains(" data-screen");
        let is_inside_whole = self.whole_from.is_some();
        if !is_inside_whole && (is_screen || name == "form") {
            self.whole_from = Some(self.stack.len());
        }
        let id = attribute(tag, " id=\"").filter(|_| !is_inside_whole && !is_screen);
        let begins = id.map(|id| {
            let html = self.html;
            self.innermost().takes(html, from, true);
            let mut part = Part::new(id, from);
            part.takes(html, to, false);
            part
        });
        self.stack.push(Open { name, begins });
    }

    /// Ends the innermost element of this name, and those inside it that nobody ended.
    fn closes(&mut self, name: &str, from: usize, to: usize) {
        let Some(depth) = self.stack.iter().rposition(|it| it.name == name) else { return };
        while let Some(open) = self.stack.pop() {
            let is_it = self.stack.len() == depth;
            self.ends(open, from, if is_it { to } else { from });
            if is_it {
                break;
            }
        }
        self.whole_from = self.whole_from.filter(|whole| *whole < self.stack.len());
    }

    fn ends(&mut self, open: Open<'_>, from: usize, to: usize) {
        let Some(mut part) = open.begins else { return };
        part.takes(self.html, from, true);
        part.takes(self.html, to, false);
        let outer = self.innermost();
        outer.own_from = to;
        outer.inner.push(part.ends(to));
    }

    fn innermost(&mut self) -> &mut Part {
        let of_stack = self.stack.iter_mut().rev().find_map(|it| it.begins.as_mut());
        of_stack.unwrap_or(&mut self.top)
    }
}

/// Returns where the next tag from `at` on begins and ends, and what is between its brackets.
fn next_tag(html: &str, at: usize) -> Option<(usize, usize, &str)> {
    let from = at + html.get(at..)?.find('<')?;
    // Brackets in texts and attributes are escaped: maud writes no other.
    let to = from + html.get(from..)?.find('>')?;
    Some((from, to + 1, html.get(from + 1..to)?))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(name)?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(element: &Element) -> String {
        let inner: Vec<String> = element.inner.iter().map(told).collect();
        let list = if element.is_list { "*" } else { "" };
        if inner.is_empty() {
            format!("{}{list}", element.id)
        } else {
            format!("{}{list}({})", element.id, inner.join(" "))
        }
    }

    #[test]
    fn elements_with_an_id_are_found_inside_one_another() {
        let html = r#"<section id="a"><h2 id="h">Log</h2><ol id="l"><li id="1"><b>x</b></li> <li id="2">y</li></ol><p>z</p></section>"#;
        let whole = split("p", html);
        assert_eq!(told(&whole), "p(a(h l*(1 2)))");
        let list = &whole.inner[0].inner[1];
        assert_eq!(&html[list.inner[1].at.clone()], r#"<li id="2">y</li>"#);
        assert_eq!(&html[whole.inner[0].at.clone()], html);
    }

    #[test]
    fn what_is_its_own_does_not_change_with_what_is_inside() {
        let html = |own: &str, inner: &str| format!(r#"<p id="a">{own}<b id="b">{inner}</b></p>"#);
        let own = |html: &str| split("p", html).inner[0].own;
        assert_eq!(own(&html("x", "y")), own(&html("x", "z")));
        assert_ne!(own(&html("x", "y")), own(&html("w", "y")));
        let inner = |html: &str| split("p", html).inner[0].inner[0].own;
        assert_ne!(inner(&html("x", "y")), inner(&html("x", "z")));
    }

    #[test]
    fn a_form_is_one_piece_and_a_terminal_is_none() {
        let html = r#"<div id="d"><form id="f"><input id="i"><p id="p">x</p></form><pre id="s" data-screen>y</pre><b id="b"></b></div>"#;
        assert_eq!(told(&split("p", html)), "p(d(f b*))");
    }

    #[test]
    fn several_elements_side_by_side_and_tags_without_an_end_are_no_trouble() {
        let html = r#"<b id="a">1</b> <i id="b"><svg><use href="x"></use></svg><br>2</i><p>3<input id="i">"#;
        assert_eq!(told(&split("p", html)), "p(a b)");
        assert_eq!(told(&split("p", "no tag at all")), "p");
    }
}
