//! What a page is known to show, element by element, and what has to be sent when it is to show something else.

use std::collections::HashMap;

use serde::Serialize;

use super::parts::Part;
use super::split::{Element, split};

/// What is known of each element that was sent, by id.
#[derive(Debug, Default)]
pub(super) struct Known {
    elements: HashMap<String, Sent>,
}

#[derive(Debug)]
struct Sent {
    own: u64,
    inner: Vec<String>,
}

/// What makes a page current.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Patch {
    /// Elements that replace those of the same id.
    pub(super) html: String,
    /// Lists in which elements came, went or moved.
    pub(super) lists: Vec<List>,
}

/// What came and went in a list whose other elements stay as they are.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct List {
    id: String,
    /// What it begins with; the others follow as they were.
    first: Vec<String>,
    gone: Vec<String>,
    /// The elements that are new to the list.
    html: String,
}

impl Known {
    /// Takes note of an element that the page shows, ages left out.
    pub(super) fn learn(&mut self, part: &Part) {
        self.note(&root(part));
    }

    /// Forgets an element that the page no longer shows.
    pub(super) fn forget(&mut self, id: &str) {
        self.drop_with_inner(&root_name(id));
    }

    /// Adds to `patch` what of `fresh` the page does not show. `timeless` is the same element as of a fixed moment: an
    /// age that goes on is no change.
    pub(super) fn compare(&mut self, timeless: &Part, fresh: &Part, patch: &mut Patch) {
        let (was, is) = (root(timeless), root(fresh));
        Comparison { known: self, html: &fresh.1, patch }.compare(&was, &is);
    }

    fn note(&mut self, element: &Element) {
        let inner = ids(element);
        self.elements.insert(element.id.clone(), Sent { own: element.own, inner });
        element.inner.iter().for_each(|it| self.note(it));
    }

    fn drop_with_inner(&mut self, id: &str) {
        if let Some(sent) = self.elements.remove(id) {
            sent.inner.iter().for_each(|it| self.drop_with_inner(it));
        }
    }
}

/// Several elements may make up one part, so it has a name that no element has.
fn root((id, html): &Part) -> Element {
    split(&root_name(id), html)
}

fn root_name(id: &str) -> String {
    format!("part {id}")
}

fn ids(element: &Element) -> Vec<String> {
    element.inner.iter().map(|it| it.id.clone()).collect()
}

struct Comparison<'a> {
    known: &'a mut Known,
    html: &'a str,
    patch: &'a mut Patch,
}

impl<'a> Comparison<'a> {
    fn compare(&mut self, was: &Element, is: &Element) {
        let same_inner = ids(was) == ids(is);
        let Some(sent) = self.known.elements.get(&was.id).filter(|it| it.own == was.own) else {
            return self.send(was, is);
        };
        let before = sent.inner.clone();
        match (same_inner, before == ids(was)) {
            (true, true) => {
                was.inner.iter().zip(&is.inner).for_each(|(was, is)| self.compare(was, is));
            }
            (true, false) if was.is_list => self.arrange(before, was, is),
            (true | false, _) => self.send(was, is),
        }
    }

    fn send(&mut self, was: &Element, is: &Element) {
        self.known.note(was);
        let text = self.text(is);
        self.patch.html.push_str(text);
    }

    fn arrange(&mut self, before: Vec<String>, was: &Element, is: &Element) {
        let now = ids(was);
        let gone: Vec<String> = before.iter().filter(|it| !now.contains(it)).cloned().collect();
        gone.iter().for_each(|it| self.known.drop_with_inner(it));
        let stayed: Vec<&String> = before.iter().filter(|it| now.contains(it)).collect();
        let same = now.iter().rev().zip(stayed.iter().rev()).take_while(|(a, b)| a == *b).count();
        let first = now.get(..now.len() - same).unwrap_or_default().to_vec();
        let mut html = String::new();
        for (was, is) in was.inner.iter().zip(&is.inner) {
            if before.contains(&was.id) {
                self.compare(was, is);
            } else {
                self.known.note(was);
                html.push_str(self.text(is));
            }
        }
        let sent = Sent { own: was.own, inner: now };
        self.known.elements.insert(was.id.clone(), sent);
        self.patch.lists.push(List { id: was.id.clone(), first, gone, html });
    }

    fn text(&self, element: &Element) -> &'a str {
        self.html.get(element.at.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(html: &str) -> Part {
        ("p".into(), html.into())
    }

    fn list(rows: &[u32]) -> Part {
        let rows: Vec<String> =
            rows.iter().map(|it| format!(r#"<li id="r{it}">{it}</li>"#)).collect();
        part(&format!(r#"<div id="d"><ol id="l">{}</ol></div>"#, rows.concat()))
    }

    fn shows(known: &mut Known, fresh: &Part) -> Patch {
        let mut patch = Patch::default();
        known.compare(fresh, fresh, &mut patch);
        patch
    }

    fn names(rows: &[u32]) -> Vec<String> {
        rows.iter().map(|it| format!("r{it}")).collect()
    }

    #[test]
    fn only_the_innermost_element_that_changed_is_sent() {
        let html = |count: u32| {
            part(&format!(r#"<div id="d"><h2>Log</h2><b id="n">{count}</b><p id="q">x</p></div>"#))
        };
        let mut known = Known::default();
        known.learn(&html(1));
        assert_eq!(shows(&mut known, &html(1)), Patch::default());
        assert_eq!(shows(&mut known, &html(2)).html, r#"<b id="n">2</b>"#);
        assert_eq!(shows(&mut known, &html(2)), Patch::default());
        known.forget("p");
        assert_eq!(shows(&mut known, &html(2)).html, html(2).1);
    }

    #[test]
    fn a_row_that_comes_first_is_sent_alone() {
        let mut known = Known::default();
        known.learn(&list(&[3, 2, 1]));
        let patch = shows(&mut known, &list(&[4, 3, 2]));
        assert_eq!(patch.html, "");
        let row = r#"<li id="r4">4</li>"#.to_owned();
        let (id, first, gone) = ("l".to_owned(), names(&[4]), names(&[1]));
        assert_eq!(patch.lists, [List { id, first, gone, html: row }]);
        assert_eq!(shows(&mut known, &list(&[4, 3, 2])), Patch::default());
    }

    #[test]
    fn a_row_that_moves_is_named_and_not_sent() {
        let mut known = Known::default();
        known.learn(&list(&[4, 3, 2, 1]));
        let patch = shows(&mut known, &list(&[2, 4, 3, 1]));
        let (id, gone, html) = ("l".to_owned(), Vec::new(), String::new());
        assert_eq!(patch.lists, [List { id, first: names(&[2, 4, 3]), gone, html }]);
    }

    #[test]
    fn a_last_row_that_goes_is_only_named() {
        let mut known = Known::default();
        known.learn(&list(&[3, 2, 1]));
        let patch = shows(&mut known, &list(&[3, 2]));
        let (id, html) = ("l".to_owned(), String::new());
        assert_eq!(patch.lists, [List { id, first: Vec::new(), gone: names(&[1]), html }]);
    }

    #[test]
    fn where_something_stands_between_the_elements_the_whole_is_sent() {
        let html = |rows: &str| part(&format!(r#"<div id="d">between {rows}</div>"#));
        let mut known = Known::default();
        known.learn(&html(r#"<b id="x">1</b>"#));
        let more = html(r#"<b id="x">1</b><b id="y">2</b>"#);
        assert_eq!(shows(&mut known, &more).html, more.1);
    }

    #[test]
    fn an_age_that_goes_on_is_no_change_and_is_fresh_in_what_is_sent() {
        let html = |age: u32, count: u32| {
            part(&format!(r#"<p id="a">{age} s</p><p id="c">{count}, {age} s</p>"#))
        };
        let mut known = Known::default();
        known.learn(&html(0, 1));
        let mut patch = Patch::default();
        known.compare(&html(0, 2), &html(9, 2), &mut patch);
        assert_eq!(patch.html, r#"<p id="c">2, 9 s</p>"#);
    }
}
