//! The OpenAPI document, made of the same table as the router.

use axum::http::Method;
use serde_json::{Map, Value, json};

/// One route and what is said of it. The notations are those of [`schema`].
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    says: &'static str,
    query: &'static str,
    body: &'static str,
    gives: &'static str,
    status: &'static str,
}

impl Route {
    fn new(method: Method, path: &'static str, says: &'static str) -> Self {
        Self { method, path, says, query: "", body: "", gives: "", status: "200" }
    }

    pub(crate) fn get(path: &'static str, says: &'static str) -> Self {
        Self::new(Method::GET, path, says)
    }

    pub(crate) fn post(path: &'static str, says: &'static str) -> Self {
        Self::new(Method::POST, path, says)
    }

    pub(crate) fn patch(path: &'static str, says: &'static str) -> Self {
        Self::new(Method::PATCH, path, says)
    }

    pub(crate) fn delete(path: &'static str, says: &'static str) -> Self {
        Self { status: "204", ..Self::new(Method::DELETE, path, says) }
    }

    /// Names its query parameters, split by spaces.
    pub(crate) fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// Names the fields of its body, split by spaces; `!` marks those that must be there.
    pub(crate) fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    /// Says what it answers.
    pub(crate) fn gives(self, gives: &'static str) -> Self {
        Self { gives, ..self }
    }

    /// Says that it answers 201.
    pub(crate) fn made(self) -> Self {
        Self { status: "201", ..self }
    }

    /// Says that it answers plain text.
    pub(crate) fn text(self) -> Self {
        Self { gives: "text", ..self }
    }
}

/// The documents, with their fields in the notation of [`schema`].
const DOCUMENTS: [(&str, &str); 25] = [
    (
        "Ticket",
        "key! project! title! body! kind! state! reason:Reason! next_action:NextAction? priority! labels:[string]! workflow! parent? children:[string]! blocked_by:[string]! not_before? superseded_by:[string]! source:object! workspace:object? landed_as? gates:[Gate]! question:object? findings:[Finding]! approvals:[Approval]! created_at! updated_at! closed_at? version:int!",
    ),
    ("Reason", "code! text!"),
    ("NextAction", "what! who:object! since!"),
    (
        "Gate",
        "id! role! state! runtime? required:bool! when! decided_by:[string]! requires:[string]! round:int! attempts_used:int! attempt? packet:object? signoff:object? signoffs:[object]! note?",
    ),
    ("Finding", "id gate file? line:int? text! principal state answer?"),
    (
        "Attempt",
        "id! ticket! gate! round:int! role! runtime! model? epoch:int! state! state_source! pid:int? tmux? started_at! last_progress_at? ended_at? terminal:object? death:object? held_by? recording? session:object? usage:object!",
    ),
    (
        "Message",
        "id! ticket! from! to! kind! body! state! queued_at! delivered_at? processed_at? attempt? count:int! why?",
    ),
    (
        "Approval",
        "id! ticket! attempt! gate! by! argv:[string]! command! cwd! commit? tree? diff? effect! state! count:int! asked_at! expires_at! answered_by? answered_at? reason? code? note? exit_code:int? ended? output? ran_at?",
    ),
    (
        "Event",
        "seq:int! at! project? ticket? version:int? type! principal! attempt? epoch:int? body:object! prev! hash!",
    ),
    (
        "Packet",
        "gate! round:int! commit? tree? base? digest! status! files:[object]! commands:[object]! screenshots:[object]! findings:[object]! risk? ships:object! artifacts:[object]! signoffs:[object]! policy? usage:object! signature:object!",
    ),
    ("Envelope", "payloadType! payload! signatures:[object]!"),
    (
        "Project",
        "key! path! default_branch! workflow! checks:[string]! trusted:bool! policy_digest! config_problem? notice?",
    ),
    (
        "Lane",
        "role! project! state! slots:int! attempts:[string]! queued:int! runtimes:[Runtime]! note?",
    ),
    (
        "Runtime",
        "name! driver! command:[string]! model? breaker! note? found:bool? from! untold? declared:[string]! version:Version? trouble:Trouble? trial?",
    ),
    ("Version", "told! number? is_tested:bool? tested? note? fix? attempt? at?"),
    ("Trouble", "kind! what! since? fix!"),
    (
        "Schedule",
        "project! name! cron! time_zone! title! next? last? caught_up:bool! skipped? ticket?",
    ),
    ("Budget", "scope! kind! state! percent:int! text! unknown? until?"),
    (
        "NeedsYou",
        "kind! what! rank_reason! holds_up:int! ticket:Ticket! detail! not_by:[string] nobody_else:bool runtimes:[string]",
    ),
    ("OperatorAct", "id! rule! ticket? cause! did! at! undone:bool! undoable:bool!"),
    ("Why", "key! state! code! text! next! who! held_by:[string]!"),
    ("Workflow", "id! gates:[object]!"),
    ("Digest", "since! until! is_cut:bool! needs_you:int! tickets:[DigestTicket]!"),
    ("DigestTicket", "key! title! state! next! changes:[DigestChange]!"),
    ("DigestChange", "at! principal! type! text! count:int!"),
];

/// Returns the OpenAPI 3.1 document of `routes`.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    let mut schemas: Map<String, Value> =
        DOCUMENTS.iter().map(|(name, fields)| ((*name).into(), object(fields))).collect();
    schemas.insert(
        "Problem".into(),
        object("type! title! status:int! detail! code! current_version:int"),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mission Control", "version": env!("CARGO_PKG_VERSION"),
            "description": "Tickets of agents at work. Fields may be added, and never change meaning.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": crate::auth::SESSION },
            },
        },
        "security": [{ "token": [] }, { "session": [] }],
    })
}

fn operation(route: &Route) -> Value {
    let names = route.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let name = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    let mut parameters: Vec<Value> = names.map(name).collect();
    for word in route.query.split_whitespace() {
        let (name, kind, _) = field(word);
        parameters.push(json!({ "name": name, "in": "query", "schema": schema(kind) }));
    }
    let reads = route.method == Method::GET;
    if !reads {
        let says = "The same key with the same request is done once.";
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "description": says, "schema": { "type": "string" } }));
    }
    let problem = json!({
        "description": "Refused, not found or failed: RFC 9457.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut made = json!({
        "operationId": id(route), "summary": route.says, "parameters": parameters,
        "responses": { route.status: answer(route), "default": problem },
    });
    if !route.body.is_empty() {
        made["requestBody"] =
            json!({ "content": { "application/json": { "schema": object(route.body) } } });
    }
    made
}

/// Returns a name that tells operations apart, like `post_tickets_key_park`.
fn id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace(['/', '-'], "_");
    format!("{}{path}", route.method.as_str().to_ascii_lowercase())
}

fn answer(route: &Route) -> Value {
    let content = match route.gives {
        "" => return json!({ "description": "Done." }),
        "text" => json!({ "text/plain": { "schema": { "type": "string" } } }),
        gives => json!({ "application/json": { "schema": schema(gives) } }),
    };
    json!({ "description": "Done.", "content": content })
}

/// Returns the schema of a notation: `string`, `int`, `bool`, `object`, a document's name, `[X]`, or `{a:X,b:Y}`.
fn schema(kind: &str) -> Value {
    if let Some(inner) = kind.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return json!({ "type": "array", "items": schema(if inner.is_empty() { "string" } else { inner }) });
    }
    if let Some(inner) = kind.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        return object(&inner.replace(',', " "));
    }
    match kind {
        "string" => json!({ "type": "string" }),
        "int" => json!({ "type": "integer" }),
        "bool" => json!({ "type": "boolean" }),
        "object" => json!({ "type": "object" }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

/// Returns the schema of an object whose fields are split by spaces.
fn object(fields: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for word in fields.split_whitespace() {
        let (name, kind, mark) = field(word);
        let value = schema(kind);
        let value =
            if mark == "?" { json!({ "anyOf": [value, { "type": "null" }] }) } else { value };
        properties.insert(name.into(), value);
        if !mark.is_empty() {
            required.push(name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Splits `name:kind!` into name, kind and mark: `!` is always there, `?` too but may be null.
fn field(word: &str) -> (&str, &str, &str) {
    let (word, mark) = match word.char_indices().next_back() {
        Some((at, '!' | '?')) => word.split_at(at),
        Some(_) | None => (word, ""),
    };
    let (name, kind) = word.split_once(':').unwrap_or((word, "string"));
    (name, kind, mark)
}
