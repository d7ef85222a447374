//! Takes typed values out of a table. What does not fit is noted with its place, and reading goes on.

use super::names;
use super::problem::Report;
use super::quantity;
use super::tree::{Entries, Node, Place, Value, quoted};
use crate::rules::{
    Driver, EvidenceKind, Independence, LandMode, Lifecycle, Mode, Permission, Priority, Scheme,
    StaleOn, When,
};

/// A closed set of words that a setting can take.
pub(super) trait Word: Copy + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
}

macro_rules! word {
    ($($name:ident),+) => {
        $(impl Word for $name {
            const ALL: &'static [Self] = Self::ALL;
            fn word(self) -> &'static str { self.as_str() }
        })+
    };
}
word!(
    Driver,
    EvidenceKind,
    Independence,
    LandMode,
    Lifecycle,
    Mode,
    Permission,
    Priority,
    Scheme,
    StaleOn,
    When
);

/// One table with its name for messages, like `runtime.codex`.
pub(super) struct Fields<'n> {
    pub(super) name: String,
    pub(super) node: &'n Node,
    entries: &'n Entries,
    pub(super) report: &'n Report,
}

impl<'n> Fields<'n> {
    /// Opens a table; notes each key that is not in `known`. Nothing when it is no table.
    pub(super) fn open(
        node: &'n Node,
        name: impl Into<String>,
        known: &[&str],
        report: &'n Report,
    ) -> Option<Self> {
        let name = name.into();
        let Some(entries) = node.as_table() else {
            report.add(
                node.key,
                format!("{} is a table; it cannot be {}", shown_table(&name), kind(node)),
            );
            return None;
        };
        for (key, entry) in entries.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let hint = names::hint(key, known.iter().copied());
            let key = names::shown(key);
            let message = format!("{} takes no key `{key}`; {hint}", shown_table(&name));
            report.add(entry.key, message);
        }
        Some(Self { name, node, entries, report })
    }

    /// Opens the table under `key`.
    pub(super) fn table(&self, key: &str, known: &[&str]) -> Option<Self> {
        let node = self.get(key)?;
        Self::open(node, format!("{}.{key}", self.name), known, self.report)
    }

    /// Returns the value under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key)
    }

    /// Returns where the value of `key` stands, or the table's own place.
    pub(super) fn place(&self, key: &str) -> Place {
        self.get(key).map_or(self.node.place(), Node::place)
    }

    /// Notes a problem with the value of `key`.
    pub(super) fn bad(&self, key: &str, message: impl Into<String>) {
        self.report.add(self.place(key), message);
    }

    fn wrong(&self, node: &Node, key: &str, takes: &str) {
        let message = format!("`{}.{key}` takes {takes}, not {}", self.name, kind(node));
        self.report.add(node.at, message);
    }

    /// Notes that `key` is missing, with a line that would do.
    pub(super) fn need(&self, key: &str, example: &str) {
        if self.get(key).is_none() {
            let message =
                format!("{} needs `{key}`; add a line like `{example}`", shown_table(&self.name));
            self.report.add(self.node.place(), message);
        }
    }

    /// Returns the text under `key`.
    pub(super) fn text(&self, key: &str) -> Option<&'n str> {
        let node = self.get(key)?;
        self.text_of(node, key, "a string")
    }

    fn text_of(&self, node: &'n Node, key: &str, takes: &str) -> Option<&'n str> {
        match node.as_text() {
            None => self.wrong(node, key, takes),
            Some(text) if text.contains('\0') => {
                let message = format!(
                    "`{}.{key}` holds a NUL character, which no command or file name can; take it out",
                    self.name
                );
                self.report.add(node.at, message);
            }
            Some(text) => return Some(text),
        }
        None
    }

    /// Returns the text under `key`, which may not be blank.
    pub(super) fn filled(&self, key: &str) -> Option<&'n str> {
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.bad(
                key,
                format!("`{}.{key}` is empty; write something or take the line out", self.name),
            );
            return None;
        }
        Some(text)
    }

    /// Returns the strings under `key` with their places; with `one`, a single string will do.
    pub(super) fn texts(&self, key: &str, one: bool) -> Option<Vec<(&'n str, Place)>> {
        let node = self.get(key)?;
        let takes = if one { "a string or a list of strings" } else { "a list of strings" };
        match &node.value {
            Value::Text(_) if one => Some(vec![(self.text_of(node, key, takes)?, node.at)]),
            Value::List(items) => {
                let item = |it: &'n Node| Some((self.text_of(it, key, takes)?, it.at));
                Some(items.iter().filter_map(item).collect())
            }
            Value::Text(text) => {
                let list = format!("takes a list; write `{key} = [{}]`", quoted(text));
                self.report.add(node.at, format!("`{}.{key}` {list}", self.name));
                None
            }
            Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Table(_)
            | Value::Other(_) => {
                self.wrong(node, key, takes);
                None
            }
        }
    }

    /// Returns the items of the list under `key`.
    pub(super) fn list(&self, key: &str, takes: &str) -> Option<&'n [Node]> {
        let node = self.get(key)?;
        let items = node.as_list();
        if items.is_none() {
            self.wrong(node, key, takes);
        }
        items
    }

    /// Returns `true` or `false` under `key`.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.wrong(node, key, "`true` or `false`");
        None
    }

    /// Returns the whole number under `key`, which must lie between `low` and `high`.
    pub(super) fn whole(&self, key: &str, low: i64, high: i64) -> Option<i64> {
        let node = self.get(key)?;
        self.whole_of(node, key, low, high)
    }

    /// Returns the whole number that `node`, the value of `key` or a part of it, holds.
    pub(super) fn whole_of(&self, node: &Node, key: &str, low: i64, high: i64) -> Option<i64> {
        match node.value {
            Value::Whole(number) if (low..=high).contains(&number) => return Some(number),
            Value::Text(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Other(_) => {}
        }
        let takes = match high {
            i64::MAX => format!("a whole number from {low}"),
            _ => format!("a whole number from {low} to {high}"),
        };
        self.wrong(node, key, &takes);
        None
    }

    /// Returns a sum in millionths of a dollar.
    pub(super) fn money(&self, key: &str) -> Option<u64> {
        let node = self.get(key)?;
        let dollars = match node.value {
            Value::Whole(number) => Some(number as f64),
            Value::Real(number) => Some(number),
            Value::Text(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Other(_) => None,
        };
        let micros = dollars.and_then(quantity::micros);
        if micros.is_none() {
            self.wrong(node, key, "a sum in dollars above 0, like `5.0`");
        }
        micros
    }

    /// Returns the seconds that a text like `2h` under `key` stands for.
    pub(super) fn duration(&self, key: &str) -> Option<u64> {
        self.quantity(key, quantity::seconds)
    }

    /// Returns the seconds under `key`; `none` lifts the limit.
    pub(super) fn limit(&self, key: &str) -> Option<u64> {
        let is_lifted = self.get(key)?.as_text() == Some("none");
        if is_lifted { None } else { self.duration(key) }
    }

    /// Returns the bytes that a text like `8GiB` under `key` stands for.
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        self.quantity(key, quantity::bytes)
    }

    fn quantity(&self, key: &str, read: fn(&str) -> Result<u64, &'static str>) -> Option<u64> {
        let node = self.get(key)?;
        let result = read(node.as_text().unwrap_or_default());
        if let Err(takes) = result {
            self.wrong(node, key, takes);
        }
        result.ok()
    }

    /// Returns one of a closed set of words under `key`.
    pub(super) fn word<T: Word>(&self, key: &str) -> Option<T> {
        let (text, place) = (self.text(key)?, self.place(key));
        self.word_of(key, text, place)
    }

    /// Returns the words of a closed set under `key`; a single one will do.
    pub(super) fn words<T: Word>(&self, key: &str) -> Option<Vec<T>> {
        let texts = self.texts(key, true)?;
        Some(texts.into_iter().filter_map(|(text, at)| self.word_of(key, text, at)).collect())
    }

    fn word_of<T: Word>(&self, key: &str, text: &str, place: Place) -> Option<T> {
        let value = T::ALL.iter().copied().find(|value| value.word() == text);
        if value.is_none() {
            let hint = names::hint(text, T::ALL.iter().map(|value| value.word()));
            let message =
                format!("`{}.{key}` cannot be `{}`; {hint}", self.name, names::shown(text));
            self.report.add(place, message);
        }
        value
    }
}

fn shown_table(name: &str) -> String {
    if name.is_empty() { "the file".into() } else { format!("`[{}]`", names::shown(name)) }
}

/// Says what a value is, and shows it where it is short.
fn kind(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("the string `{}`", names::shown(text)),
        Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Other(_) => {
            format!("`{}`", names::shown(&node.render()))
        }
        Value::List(_) => "a list".into(),
        Value::Table(_) => "a table".into(),
    }
}
