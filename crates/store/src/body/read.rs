//! The reads: each is one statement, so it sees one moment.

use mission_domain::doc::EventDoc;
use mission_domain::ids::{TicketKey, Version};
use sqlx::{Pool, QueryBuilder};

use super::super::{Db, dialect};
use crate::record::{self, EventColumns, ProjectionColumns, SecretColumns, count, moment, number};
use crate::{
    Error, EventFilter, Lease, Projection, ProjectionFilter, ProjectionKind, Result, Secret,
    SecretKind, Stream, TicketFilter, TicketRow,
};

const EVENTS: &str = "SELECT seq, stream, project, version, at, kind, principal, \
     attempt, epoch, body, prev, hash FROM event";
const LOAD: &str = "SELECT aggregate, version FROM stream WHERE stream = $1";
pub(super) const VERSION: &str = "SELECT version FROM stream WHERE stream = $1";
const OPEN_TICKETS: &str = "SELECT t.key, s.aggregate, s.version FROM ticket t \
     JOIN stream s ON s.stream = t.key WHERE t.open = 1 ORDER BY t.project, t.number";
const VIEW: &str = "SELECT view FROM stream WHERE stream = $1";
const PROJECTION: &str =
    "SELECT id, ticket, state, ord, doc FROM projection WHERE kind = $1 AND id = $2";
pub(super) const LAST_NUMBER: &str =
    "SELECT COALESCE(MAX(number), 0) FROM ticket WHERE project = $1";
pub(super) const LAST_ORD: &str = "SELECT COALESCE(MAX(ord), 0) FROM projection WHERE kind = $1";
pub(super) const WATERMARK: &str = "SELECT seq FROM head WHERE name = $1";
const LEASES: &str =
    "SELECT ticket, attempt, epoch, until FROM lease WHERE live = 1 ORDER BY ticket";
pub(super) const SECRET: &str = "SELECT hash, principal, role, project, label, created_at, \
     expires_at FROM secret WHERE kind = $1 AND hash = $2";
const SECRETS: &str = "SELECT hash, principal, role, project, label, created_at, \
     expires_at FROM secret WHERE kind = $1 ORDER BY created_at, hash";
const STREAMS: &str = "SELECT stream FROM stream ORDER BY stream";
pub(super) const SHAPE: &str = "SELECT shape FROM shape";

pub(super) async fn load(pool: &Pool<Db>, stream: &Stream) -> Result<(String, Version)> {
    let row: Option<(String, i64)> = sqlx::query_as(LOAD)
        .bind(stream.to_string())
        .fetch_optional(pool)
        .await
        .map_err(dialect::error)?;
    let (aggregate, version) = row.ok_or_else(|| Error::Missing(stream.to_string()))?;
    Ok((aggregate, Version(count(version)?)))
}

pub(super) async fn open_tickets(pool: &Pool<Db>) -> Result<Vec<(TicketKey, String, Version)>> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(OPEN_TICKETS).fetch_all(pool).await.map_err(dialect::error)?;
    let open = |(key, aggregate, version): (String, String, i64)| {
        Ok((record::parse(&key)?, aggregate, Version(count(version)?)))
    };
    rows.into_iter().map(open).collect()
}

pub(super) async fn list(pool: &Pool<Db>, filter: &TicketFilter) -> Result<Vec<TicketRow>> {
    let rows = rows(pool, filter).await?;
    serde_json::from_str(&rows).map_err(|e| Error::Corrupt(format!("a ticket's row: {e}")))
}

/// Lets the engine join the rows' documents, because fetching them one by one takes longer than all the rest.
pub(super) async fn rows(pool: &Pool<Db>, filter: &TicketFilter) -> Result<String> {
    let joined: Option<String> =
        list_query(filter).build_query_scalar().fetch_one(pool).await.map_err(dialect::error)?;
    Ok(format!("[{}]", joined.unwrap_or_default()))
}

fn list_query(filter: &TicketFilter) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(dialect::JOINED).push(" FROM (SELECT t.doc AS doc FROM ticket t");
    select_tickets(&mut query, filter);
    query.push(") AS selected");
    query
}

pub(super) async fn views(pool: &Pool<Db>, filter: &TicketFilter) -> Result<Vec<String>> {
    views_query(filter).build_query_scalar().fetch_all(pool).await.map_err(dialect::error)
}

fn views_query(filter: &TicketFilter) -> QueryBuilder<Db> {
    let mut query =
        QueryBuilder::new("SELECT s.view FROM ticket t JOIN stream s ON s.stream = t.key");
    select_tickets(&mut query, filter);
    query
}

fn select_tickets(query: &mut QueryBuilder<Db>, filter: &TicketFilter) {
    query.push(" WHERE 1 = 1");
    if let Some(project) = &filter.project {
        query.push(" AND t.project = ").push_bind(project.to_string());
    }
    one_of(query, " AND t.state IN (", &filter.states);
    if let Some(role) = &filter.role {
        query.push(" AND t.role = ").push_bind(role.clone());
    }
    if let Some(parent) = &filter.parent {
        query.push(" AND t.parent = ").push_bind(parent.to_string());
    }
    one_of(query, " AND t.key IN (", &filter.keys);
    match filter.open {
        Some(true) => drop(query.push(" AND t.open = 1")),
        Some(false) => drop(query.push(" AND t.open = 0")),
        None => {}
    }
    let newest = " ORDER BY t.project, t.number DESC";
    query.push(if filter.newest_first { newest } else { " ORDER BY t.project, t.number" });
    at_most(query, filter.limit);
}

fn one_of<T: ToString>(query: &mut QueryBuilder<Db>, begin: &str, texts: &[T]) {
    if texts.is_empty() {
        return;
    }
    query.push(begin);
    let mut list = query.separated(", ");
    for text in texts {
        list.push_bind(text.to_string());
    }
    query.push(")");
}

fn at_most(query: &mut QueryBuilder<Db>, limit: Option<u32>) {
    if let Some(limit) = limit {
        query.push(" LIMIT ").push_bind(i64::from(limit));
    }
}

pub(super) async fn view(pool: &Pool<Db>, key: &TicketKey) -> Result<String> {
    let view: Option<Option<String>> = sqlx::query_scalar(VIEW)
        .bind(key.to_string())
        .fetch_optional(pool)
        .await
        .map_err(dialect::error)?;
    view.flatten().ok_or_else(|| Error::Missing(key.to_string()))
}

pub(super) async fn projection(
    pool: &Pool<Db>,
    kind: ProjectionKind,
    id: &str,
) -> Result<Option<Projection>> {
    let query = sqlx::query_as::<Db, ProjectionColumns>(PROJECTION).bind(kind.as_str()).bind(id);
    let row = query.fetch_optional(pool).await.map_err(dialect::error)?;
    row.map(|columns| record::projection(kind, columns)).transpose()
}

pub(super) async fn projections(
    pool: &Pool<Db>,
    filter: &ProjectionFilter,
) -> Result<Vec<Projection>> {
    let rows: Vec<ProjectionColumns> =
        projections_query(filter).build_query_as().fetch_all(pool).await.map_err(dialect::error)?;
    rows.into_iter().map(|columns| record::projection(filter.kind, columns)).collect()
}

fn projections_query(filter: &ProjectionFilter) -> QueryBuilder<Db> {
    let mut query =
        QueryBuilder::new("SELECT id, ticket, state, ord, doc FROM projection WHERE kind = ");
    query.push_bind(filter.kind.as_str());
    if let Some(ticket) = &filter.ticket {
        query.push(" AND ticket = ").push_bind(ticket.to_string());
    }
    one_of(&mut query, " AND state IN (", &filter.states);
    query.push(if filter.newest_first {
        " ORDER BY ord DESC, id DESC"
    } else {
        " ORDER BY ord, id"
    });
    at_most(&mut query, filter.limit);
    query
}

pub(super) async fn one_number(pool: &Pool<Db>, sql: &'static str, of: &str) -> Result<u64> {
    let number: i64 =
        sqlx::query_scalar(sql).bind(of).fetch_one(pool).await.map_err(dialect::error)?;
    count(number)
}

pub(super) async fn events(pool: &Pool<Db>, filter: &EventFilter) -> Result<Vec<EventDoc>> {
    let rows: Vec<EventColumns> =
        events_query(filter)?.build_query_as().fetch_all(pool).await.map_err(dialect::error)?;
    without_texts(rows)
}

fn events_query(filter: &EventFilter) -> Result<QueryBuilder<Db>> {
    let mut query = QueryBuilder::new(EVENTS);
    query.push(" WHERE seq > ").push_bind(number(filter.after)?);
    if let Some(ticket) = &filter.ticket {
        query.push(" AND stream = ").push_bind(ticket.to_string());
    }
    if let Some(project) = &filter.project {
        query.push(" AND project = ").push_bind(project.to_string());
    }
    if !filter.kinds.is_empty() {
        let mut kinds = query.push(" AND kind IN (").separated(", ");
        for kind in &filter.kinds {
            kinds.push_bind(kind.clone());
        }
        kinds.push_unseparated(")");
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(moment(since));
    }
    query.push(if filter.newest_first { " ORDER BY seq DESC" } else { " ORDER BY seq" });
    at_most(&mut query, filter.limit);
    Ok(query)
}

fn without_texts(rows: Vec<EventColumns>) -> Result<Vec<EventDoc>> {
    rows.into_iter().map(|columns| Ok(record::event(columns)?.0)).collect()
}

pub(super) async fn replayable(pool: &Pool<Db>, stream: &Stream) -> Result<Vec<EventDoc>> {
    let rows: Vec<EventColumns> =
        replay_query(stream).build_query_as().fetch_all(pool).await.map_err(dialect::error)?;
    without_texts(rows)
}

fn replay_query(stream: &Stream) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new(EVENTS);
    query.push(" WHERE stream = ").push_bind(stream.to_string()).push(" ORDER BY version");
    query
}

pub(super) async fn leases(pool: &Pool<Db>) -> Result<Vec<Lease>> {
    let rows = sqlx::query_as(LEASES).fetch_all(pool).await.map_err(dialect::error)?;
    rows.into_iter().map(record::lease).collect()
}

pub(super) async fn secret(
    pool: &Pool<Db>,
    sql: &'static str,
    kind: SecretKind,
    hash: &str,
) -> Result<Option<Secret>> {
    let query = sqlx::query_as::<Db, SecretColumns>(sql).bind(kind.as_str()).bind(hash);
    let row = query.fetch_optional(pool).await.map_err(dialect::error)?;
    row.map(|columns| record::secret(kind, columns)).transpose()
}

pub(super) async fn secrets(pool: &Pool<Db>, kind: SecretKind) -> Result<Vec<Secret>> {
    let query = sqlx::query_as::<Db, SecretColumns>(SECRETS).bind(kind.as_str());
    let rows = query.fetch_all(pool).await.map_err(dialect::error)?;
    rows.into_iter().map(|columns| record::secret(kind, columns)).collect()
}

pub(super) async fn streams(pool: &Pool<Db>) -> Result<Vec<Stream>> {
    let names: Vec<String> =
        sqlx::query_scalar(STREAMS).fetch_all(pool).await.map_err(dialect::error)?;
    names.iter().map(|name| record::parse(name)).collect()
}

/// Returns every statement of this file, the built ones with all that can be in them.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    let fixed = [
        LOAD,
        VERSION,
        OPEN_TICKETS,
        VIEW,
        PROJECTION,
        LAST_NUMBER,
        LAST_ORD,
        WATERMARK,
        LEASES,
        SECRET,
        SECRETS,
        STREAMS,
        SHAPE,
    ];
    let key: TicketKey = "MC-1".parse().unwrap();
    let tickets = TicketFilter {
        project: Some(key.project().clone()),
        states: vec!["todo".into(), "done".into()],
        role: Some("coder".into()),
        parent: Some(key.clone()),
        keys: vec![key.clone()],
        open: Some(true),
        newest_first: true,
        limit: Some(1),
    };
    let kind = ProjectionFilter::of(ProjectionKind::Attempt);
    let projections =
        ProjectionFilter { newest_first: true, limit: Some(1), ..kind.clone().about(&key) };
    let events = EventFilter {
        after: 1,
        project: Some(key.project().clone()),
        ticket: Some(key.clone()),
        kinds: vec!["opened".into()],
        since: Some(mission_domain::ids::Timestamp::UNIX_EPOCH),
        newest_first: true,
        limit: Some(1),
    };
    let built = [
        list_query(&tickets),
        list_query(&TicketFilter::default()),
        views_query(&tickets),
        projections_query(&projections.in_states(&["queued"])),
        projections_query(&kind),
        events_query(&events).unwrap(),
        replay_query(&Stream::Home),
    ];
    let built = built.into_iter().map(QueryBuilder::into_string);
    fixed.into_iter().map(Into::into).chain(built).collect()
}
