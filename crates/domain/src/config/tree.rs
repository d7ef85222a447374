//! Reads TOML into a tree in which every key and value remembers where it stands, and merges such trees.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Which of the three sources a value comes from; a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    BuiltIn,
    Home,
    Project,
}

/// Where something stands: a source and a byte offset into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) layer: Layer,
    pub(super) offset: usize,
}

impl Place {
    /// The place of everything that no file says.
    pub(super) const BUILT_IN: Self = Self { layer: Layer::BuiltIn, offset: 0 };
}

/// The entries of a table by name.
pub(super) type Entries = BTreeMap<String, Node>;

/// A value with its own place and its key's; in a list both are the value's.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) key: Place,
    pub(super) at: Place,
    pub(super) value: Value,
}

/// What a TOML file can say.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Real(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Entries),
    /// A date, or a number that no setting could take; kept as its text.
    Other(String),
}

impl Node {
    /// Returns a node that no file says.
    pub(super) fn built_in(value: Value) -> Self {
        Self { key: Place::BUILT_IN, at: Place::BUILT_IN, value }
    }

    /// Returns where a problem with this value is shown: a table's key, anything else itself.
    pub(super) fn place(&self) -> Place {
        match self.value {
            Value::Table(_) => self.key,
            Value::Text(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Other(_) => self.at,
        }
    }

    /// Returns the text, where it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Returns the items, where it is a list.
    pub(super) fn as_list(&self) -> Option<&[Self]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    /// Returns the entries, where it is a table.
    pub(super) fn as_table(&self) -> Option<&Entries> {
        if let Value::Table(entries) = &self.value { Some(entries) } else { None }
    }

    /// Returns the entries to change, where it is a table.
    pub(super) fn as_table_mut(&mut self) -> Option<&mut Entries> {
        if let Value::Table(entries) = &mut self.value { Some(entries) } else { None }
    }

    /// Returns the value at `path`, table by table.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.as_table()?.get(*key))
    }

    /// Lays `over` on this: tables key by key, anything else as a whole.
    pub(super) fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(ours), Value::Table(theirs)) => {
                for (key, node) in theirs {
                    match ours.get_mut(&key) {
                        Some(existing) => existing.merge(node),
                        None => drop(ours.insert(key, node)),
                    }
                }
            }
            (ours, theirs) => *ours = theirs,
        }
        self.key = over.key;
        self.at = over.at;
    }

    /// Sets `key` of a table to `value` unless it is there; anything but a table stays as it is.
    pub(super) fn fill(&mut self, key: &str, value: impl FnOnce() -> Value) {
        if let Some(entries) = self.as_table_mut()
            && !entries.contains_key(key)
        {
            entries.insert(key.into(), Self::built_in(value()));
        }
    }

    /// Writes the value as TOML on one line.
    pub(super) fn render(&self) -> String {
        match &self.value {
            Value::Text(text) => quoted(text),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => toml::Value::Float(*number).to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Other(text) => text.clone(),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Self::render).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(entries) if entries.is_empty() => "{}".into(),
            Value::Table(entries) => {
                let entries =
                    entries.iter().map(|(key, node)| format!("{key} = {}", node.render()));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Returns `text` as a TOML string on one line.
pub(super) fn quoted(text: &str) -> String {
    let written = toml::Value::String(text.into()).to_string();
    if !written.contains('\n') {
        return written;
    }
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".into(),
        '\t' => "\\t".into(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.into(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Reads `text`. What is not TOML comes back as offset and message, as many as the parser can tell apart.
pub(super) fn parse(layer: Layer, text: &str) -> Result<Node, Vec<(usize, String)>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let place = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        return Err(errors.iter().map(|error| (place(error), error.message().into())).collect());
    }
    let at = Place { layer, offset: 0 };
    Ok(Node { key: at, at, value: Value::Table(entries(layer, root.into_inner())) })
}

fn entries(layer: Layer, table: DeTable<'_>) -> Entries {
    let entry = |(key, value): (Spanned<_>, Spanned<_>)| {
        let place = Place { layer, offset: key.span().start };
        let name: std::borrow::Cow<'_, str> = key.into_inner();
        (name.into_owned(), Node { key: place, ..node(layer, value) })
    };
    table.into_iter().map(entry).collect()
}

fn node(layer: Layer, value: Spanned<DeValue<'_>>) -> Node {
    let at = Place { layer, offset: value.span().start };
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Other(number.to_string()), Value::Whole),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(real) if real.is_finite() => Value::Real(real),
            Ok(_) | Err(_) => Value::Other(number.to_string()),
        },
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(date) => Value::Other(date.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| node(layer, item)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(layer, table)),
    };
    Node { key: at, at, value }
}
