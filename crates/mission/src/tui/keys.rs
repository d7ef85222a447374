//! The keys, which are those of the pages: single keys act on what is chosen, and are off while something is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mission_domain::doc::TicketDoc;
use tui_input::{Input, InputRequest};

use super::ask::{self, Given, Order, Stage};
use super::model::{FleetLine, Link, Model, Place, Prompt, STACKS, Said};
use super::rest::{REST, Rest};
use super::update::{Effect, NO_SERVER};
use crate::output::Tone;

/// A group of keys: its name, and each key with what it does.
pub(crate) type Keys = (&'static str, &'static [(&'static str, &'static str)]);

/// Every key with what it does, in the groups of the help.
pub(crate) const HELP: [Keys; 4] = [
    (
        "Everywhere",
        &[
            ("/", "find a ticket, or words"),
            ("?", "all keys"),
            ("esc", "close, go up"),
            ("u", "undo your last verdict"),
            ("g n", "Needs you"),
            ("g b", "Board"),
            ("g f", "Fleet"),
            ("q", "leave, as ctrl-c does"),
            ("ctrl-z", "to the shell; fg: back"),
        ],
    ),
    (
        "Lists",
        &[
            ("j k", "move, as arrows do"),
            ("h l", "column"),
            ("enter", "open"),
            ("f", "filter"),
            ("space -", "page down, page up"),
        ],
    ),
    (
        "Decisions",
        &[
            ("a", "sign off, approve once"),
            ("r", "request changes"),
            ("d", "deny"),
            ("w", "waive"),
            ("1", "answer, report, try again"),
            ("pgdn", "read a long one on"),
        ],
    ),
    (
        "Ticket",
        &[
            ("p", "packets"),
            ("t", "console: its own screen"),
            ("m", "message"),
            ("[ ]", "neighbours"),
        ],
    ),
];

/// Applies a key.
pub(crate) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return vec![Effect::Quit];
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('z') {
        return vec![Effect::Suspend];
    }
    if model.help.is_some() {
        in_help(model, key.code);
        return Vec::new();
    }
    if model.dialog.is_some() {
        return in_dialog(model, key);
    }
    if model.prompt.is_some() {
        in_prompt(model, key);
        return Vec::new();
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Vec::new();
    }
    if model.rests(key.code) {
        model.going = false;
        return Vec::new();
    }
    model.said = None;
    match key.code {
        KeyCode::Char(c) if std::mem::take(&mut model.going) => go(model, c),
        KeyCode::Char(c) => return single(model, c),
        KeyCode::Enter => open(model),
        KeyCode::Esc | KeyCode::Backspace => up(model),
        code => walk(model, code),
    }
    Vec::new()
}

/// Takes a paste into what is being typed; anywhere else it is no keys.
pub(crate) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let field = model.dialog.as_mut().filter(|it| it.stage != Stage::Sent);
    let field = field.and_then(|it| it.field.as_mut()).map(|it| &mut it.input);
    if let Some(input) = field.or(model.prompt.as_mut().map(|it| &mut it.0)) {
        // A paste of several lines never sends anything by itself.
        for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
            input.handle(InputRequest::InsertChar(c));
        }
    }
    Vec::new()
}

/// Scrolls all keys where they are more than the screen holds; any other key closes them.
fn in_help(model: &mut Model, code: KeyCode) {
    let most = usize::from(model.extent.help);
    let page = isize::try_from(model.extent.page.max(2)).unwrap_or(2) - 1;
    let step = match code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => page,
        KeyCode::PageUp | KeyCode::Char('-') => -page,
        _ => 0,
    };
    let at = usize::from(model.help.unwrap_or(0));
    let to = u16::try_from(stepped(at, most + 1, step)).unwrap_or(model.extent.help);
    model.help = (step != 0 && most > 0).then_some(to);
}

fn edit(input: &mut Input, key: KeyEvent) {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let request = match key.code {
        KeyCode::Char('u') if is_control => InputRequest::DeleteLine,
        KeyCode::Char('w') if is_control => InputRequest::DeletePrevWord,
        KeyCode::Char('a') if is_control => InputRequest::GoToStart,
        KeyCode::Char('e') if is_control => InputRequest::GoToEnd,
        KeyCode::Char(c) if !is_control => InputRequest::InsertChar(c),
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return,
    };
    input.handle(request);
}

fn in_dialog(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let (most, page) = model.extent.facts;
    let Some(dialog) = model.dialog.as_mut() else { return Vec::new() };
    if let Some(step) = turns(key.code, dialog.field.is_some(), i32::from(page))
        && matches!(dialog.stage, Stage::Open | Stage::Refused(_))
    {
        dialog.scrolls(step, most);
        return Vec::new();
    }
    match (key.code, &dialog.stage) {
        // What was sent cannot be called back; its answer is told at the foot.
        (KeyCode::Esc, _) => model.dialog = None,
        (KeyCode::Enter, Stage::Changed(_) | Stage::Sent) => {}
        (KeyCode::Enter, Stage::Open | Stage::Refused(_)) if dialog.read < most => {
            dialog.stage = Stage::Refused("read it to its end first: page down".into());
        }
        (KeyCode::Enter, Stage::Open | Stage::Refused(_)) if dialog.lacks_text() => {
            dialog.stage = Stage::Refused("it needs a text: type it, then enter".into());
        }
        (KeyCode::Enter, Stage::Open | Stage::Refused(_)) => {
            if let Link::Gone { .. } = model.link {
                dialog.stage = Stage::Refused(NO_SERVER.into());
                return Vec::new();
            }
            if let Some((_, why)) = dialog.unread.take_if(|it| model.now < it.0) {
                dialog.stage = Stage::Refused(why);
                return Vec::new();
            }
            return send(model);
        }
        (_, Stage::Sent | Stage::Changed(_)) => {}
        (_, Stage::Open | Stage::Refused(_)) => {
            if let Some(field) = &mut dialog.field {
                edit(&mut field.input, key);
                dialog.stage = Stage::Open;
            }
        }
    }
    Vec::new()
}

/// Returns by how many lines a key moves what a decision is about; letters only where nothing is typed.
fn turns(code: KeyCode, types: bool, page: i32) -> Option<i32> {
    match code {
        KeyCode::Down => Some(1),
        KeyCode::Up => Some(-1),
        KeyCode::PageDown => Some(page),
        KeyCode::PageUp => Some(-page),
        KeyCode::Char('j') if !types => Some(1),
        KeyCode::Char('k') if !types => Some(-1),
        KeyCode::Char(' ') if !types => Some(page),
        KeyCode::Char('-') if !types => Some(-page),
        _ => None,
    }
}

/// Sends the open decision.
fn send(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    dialog.stage = Stage::Sent;
    if let Order::Verdict { word, key, gate, .. } = &dialog.order {
        let (key, gate) = (key.clone(), gate.clone());
        model.sent = Some(Given { key, gate, word, over: None });
    }
    if let Some(asked) = &dialog.asked {
        model.own = Some(asked.key.clone());
    }
    vec![Effect::Send(dialog.order.clone(), dialog.text().to_owned())]
}

fn in_prompt(model: &mut Model, key: KeyEvent) {
    let Some(prompt) = &mut model.prompt else { return };
    match key.code {
        KeyCode::Esc => {
            model.prompt = None;
            model.filter.clear();
            model.keep_card();
        }
        KeyCode::Enter => {
            let text = prompt.0.value().trim().to_owned();
            model.prompt = None;
            let key = text.to_ascii_uppercase();
            if key.parse::<mission_domain::ids::TicketKey>().is_ok() {
                model.filter.clear();
                visit(model, Place::Ticket(key));
            } else {
                find(model, &text);
            }
        }
        _ => {
            edit(&mut prompt.0, key);
            if model.place == Place::Board {
                model.filter = prompt.0.value().to_owned();
                turn(model);
            }
        }
    }
}

/// Looks for words on the board, and turns to the first stack that holds some.
fn find(model: &mut Model, text: &str) {
    visit(model, Place::Board);
    text.clone_into(&mut model.filter);
    turn(model);
}

/// Turns to the first stack that holds what is looked for, where the one that is looked at holds nothing.
fn turn(model: &mut Model) {
    if model.cards(model.stack).is_empty()
        && let Some(stack) = (0..STACKS.len()).find(|it| !model.cards(*it).is_empty())
    {
        model.stack = stack;
    }
    model.keep_card();
}

fn single(model: &mut Model, c: char) -> Vec<Effect> {
    match c {
        'q' => return vec![Effect::Quit],
        'g' => model.going = true,
        '?' => model.help = Some(0),
        '/' => model.prompt = Some(Prompt::default()),
        'f' if model.place == Place::Board => {
            model.prompt = Some(Prompt(model.filter.clone().into()))
        }
        'j' => walk(model, KeyCode::Down),
        'k' => walk(model, KeyCode::Up),
        'h' => walk(model, KeyCode::Left),
        'l' => walk(model, KeyCode::Right),
        ' ' => walk(model, KeyCode::PageDown),
        '-' => walk(model, KeyCode::PageUp),
        '[' => neighbour(model, false),
        ']' => neighbour(model, true),
        'p' => match model.place.ticket().map(str::to_owned) {
            Some(key) => visit(model, Place::Packet(key)),
            None => say(model, "p shows the packets of a ticket: open one first"),
        },
        't' => return console(model),
        'a' | 'r' | 'd' | 'w' | '1' | 'u' | 'm' => decide(model, c),
        _ => {}
    }
    Vec::new()
}

fn say(model: &mut Model, text: impl Into<String>) {
    model.said = Some(Said { text: text.into(), tone: Tone::Warn });
}

fn go(model: &mut Model, c: char) {
    let only_pages = match c {
        'n' => return visit(model, Place::NeedsYou),
        'b' => return visit(model, Place::Board),
        'f' => return visit(model, Place::Fleet),
        'p' => "packets",
        'c' => "calibration",
        'd' => "digest",
        's' => "settings",
        _ => return,
    };
    let text = format!("this is on the pages only: {}/{only_pages}", model.url);
    say(model, text);
}

/// Goes to a place; the way back is kept.
fn visit(model: &mut Model, place: Place) {
    if model.place == place {
        return;
    }
    let before = std::mem::replace(&mut model.place, place.clone());
    match place {
        // The three screens are no way down: what leads back from them begins anew.
        Place::NeedsYou | Place::Board | Place::Fleet => model.back.clear(),
        Place::Ticket(_) | Place::Packet(_) => model.back.push(before),
    }
    model.arrive();
}

fn up(model: &mut Model) {
    if model.place == Place::Board && !model.filter.is_empty() {
        model.filter.clear();
        model.keep_card();
        return;
    }
    let above = match &model.place {
        Place::NeedsYou => return,
        Place::Board | Place::Fleet => Place::NeedsYou,
        Place::Ticket(_) | Place::Packet(_) => model.back.pop().unwrap_or(Place::NeedsYou),
    };
    model.place = above;
    model.arrive();
}

fn open(model: &mut Model) {
    let key = match &model.place {
        Place::NeedsYou => model.current().map(|it| it.ticket.key.clone()),
        Place::Board => model.chosen_card().map(|it| it.key.clone()),
        Place::Fleet => match model.chosen_line() {
            Some(FleetLine::Attempt(_, Some(attempt))) => Some(attempt.ticket.clone()),
            Some(FleetLine::Attempt(_, None) | FleetLine::Lane(_)) | None => None,
        },
        Place::Ticket(_) | Place::Packet(_) => None,
    };
    if let Some(key) = key {
        visit(model, Place::Ticket(key));
    }
}

fn stepped(at: usize, len: usize, step: isize) -> usize {
    at.saturating_add_signed(step).min(len.saturating_sub(1))
}

fn walk(model: &mut Model, code: KeyCode) {
    let page = isize::try_from(model.extent.page.max(2)).unwrap_or(2) - 1;
    let step = match code {
        KeyCode::Down => 1,
        KeyCode::Up => -1,
        KeyCode::PageDown => page,
        KeyCode::PageUp => -page,
        KeyCode::Home => isize::MIN / 2,
        KeyCode::End => isize::MAX / 2,
        KeyCode::Left => return column(model, -1),
        KeyCode::Right => return column(model, 1),
        _ => return,
    };
    let is_page = matches!(code, KeyCode::PageDown | KeyCode::PageUp);
    match &model.place {
        // The list moves by one; its text is what a page scrolls.
        Place::NeedsYou if !is_page => {
            let at = stepped(model.decision.1, model.decisions().len(), step);
            let key = model.decisions().get(at).map(|it| it.ticket.key.clone());
            model.decision = (key.unwrap_or_default(), at);
            model.scroll = 0;
        }
        Place::Board => {
            let at = stepped(model.card.1, model.cards(model.stack).len(), step);
            model.card = (String::new(), at);
            model.keep_card();
        }
        Place::Fleet => {
            let len = model.picture.fleet.as_ref().map_or(0, |it| it.lines().len());
            model.lane = stepped(model.lane, len, step);
        }
        Place::NeedsYou | Place::Ticket(_) | Place::Packet(_) => {
            let most = usize::from(model.extent.most);
            let at = stepped(usize::from(model.scroll), most + 1, step);
            model.scroll = u16::try_from(at).unwrap_or(model.extent.most);
        }
    }
}

fn column(model: &mut Model, step: isize) {
    if model.place == Place::Board {
        let to = stepped(model.stack, STACKS.len(), step);
        if to != model.stack {
            model.stack = to;
            model.card.0.clear();
            model.keep_card();
        }
    }
}

/// Opens the ticket before or after this one: among the decisions where it is one, else in its stack of the board.
fn neighbour(model: &mut Model, is_next: bool) {
    let Place::Ticket(key) = &model.place else {
        return say(model, "[ and ] open the neighbours of an open ticket");
    };
    let decisions: Vec<&str> = model.decisions().iter().map(|it| it.ticket.key.as_str()).collect();
    let stacks = (0..STACKS.len()).map(|it| model.cards(it));
    let stacks = stacks.map(|it| it.iter().map(|card| card.key.as_str()).collect::<Vec<_>>());
    let mut lists = std::iter::once(decisions).chain(stacks);
    let at = lists.find_map(|list| {
        let at = list.iter().position(|it| it == key)?;
        let to = if is_next { at + 1 } else { at.checked_sub(1)? };
        list.get(to).map(|it| (*it).to_owned())
    });
    match at {
        Some(key) => {
            model.place = Place::Ticket(key);
            model.arrive();
        }
        None => say(model, "there is no further ticket on this side"),
    }
}

fn decide(model: &mut Model, c: char) {
    if model.in_lane {
        return say(model, "refused inside a lane: a lane cannot act as a person");
    }
    let ticket = || model.ticket_here().ok_or_else(|| "choose a ticket first".to_owned());
    let branch = |it: &TicketDoc| model.branches.get(&it.project).map(String::as_str);
    let opened = match c {
        'u' => ask::withdraw(model.given.as_ref()),
        'm' => ticket().map(ask::say),
        _ => match model.current() {
            Some(item) => ask::on_decision(c, item, branch(&item.ticket)),
            None if c == 'w' => ticket().and_then(|it| ask::verdict("waive", it, branch(it))),
            None if model.picture.needs_you.is_none() => {
                Err("what waits for you is not known yet".into())
            }
            None => Err("nothing here waits for you".into()),
        },
    };
    match opened {
        Ok(mut dialog) => {
            // The first decision after somebody else took one away is not sent by keys that were meant for that.
            let rest = model.rest.take();
            let news = rest.as_ref().and_then(Rest::news);
            dialog.unread =
                news.map(|it| (model.now + REST, format!("{it}; enter sends this one")));
            model.dialog = Some(dialog);
        }
        Err(why) => say(model, why),
    }
}

/// Gives the terminal to the attempt at work.
fn console(model: &mut Model) -> Vec<Effect> {
    let attempt = match (&model.place, model.chosen_line()) {
        (Place::Fleet, Some(FleetLine::Attempt(id, _))) => Some(id.to_owned()),
        (Place::Fleet, _) => None,
        (Place::Ticket(_) | Place::Packet(_), _) => {
            let whole = model.picture.ticket.as_ref();
            let live = whole.and_then(|it| it.attempts.iter().find(|it| it.state != "ended"));
            live.map(|it| it.id.clone())
        }
        (Place::NeedsYou | Place::Board, _) => None,
    };
    match attempt {
        Some(_) if model.in_lane => {
            say(model, "refused inside a lane: a lane cannot act as a person");
            Vec::new()
        }
        Some(id) => vec![Effect::Attach(id)],
        None => {
            say(model, "no attempt runs here");
            Vec::new()
        }
    }
}
