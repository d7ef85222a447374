//! From an error to an RFC 9457 problem document: the one place that turns what went wrong into a status.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mission_control::Error;
use mission_domain::home::HomeRejection;
use mission_domain::ticket::Rejection;
use serde_json::json;

/// Why a request was not fulfilled.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: String,
    pub(crate) current_version: Option<u64>,
}

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), current_version: None }
    }

    /// Nothing has that name.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// A rule of the doors says no.
    pub(crate) fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// Nobody known asks.
    pub(crate) fn not_signed_in() -> Self {
        let detail = "no valid token or session came with this request. Send `Authorization: Bearer TOKEN`, or sign in with `mission sign-in`";
        Self::new(StatusCode::UNAUTHORIZED, "not_signed_in", detail)
    }

    /// The request cannot be read.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// The request can be read and makes no sense.
    pub(crate) fn senseless(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// Names the problem's kind in words.
    pub(crate) fn title(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "not signed in",
            403 => "refused by a rule",
            404 => "not found",
            409 if matches!(&*self.code, "conflict" | "packet_changed") => {
                "someone changed it first"
            }
            409 => "not possible now",
            410 => "gone",
            413 => "too large",
            421 => "wrong host",
            429 => "too many tries",
            400 | 422 => "cannot be understood",
            503 => "unavailable",
            507 => "the disk is full",
            _ => "failed",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank", "title": self.title(), "status": self.status.as_u16(),
            "detail": self.detail, "code": self.code,
        });
        if let Some(version) = self.current_version {
            body["current_version"] = version.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Rejected(rejection) => (of_rejection(rejection), rejection.code()),
            Error::RejectedByHome(rejection) => (of_home(rejection), rejection.code()),
            Error::NoTicket(_) | Error::Missing(_) => (StatusCode::NOT_FOUND, "not_found"),
            Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Error::Rules(_) => (StatusCode::CONFLICT, "rules"),
            Error::Store(error) => of_store(error),
            // The repository is not as it was left: whoever owns it reads what to do.
            error if error.is_for_the_repositorys_owner() => (StatusCode::CONFLICT, "repository"),
            Error::Evidence(_) => (StatusCode::INTERNAL_SERVER_ERROR, "evidence"),
            Error::Runtime(_) => (StatusCode::SERVICE_UNAVAILABLE, "runtime"),
            Error::File { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "file"),
            Error::Fault => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
        };
        let current_version = match &error {
            Error::Store(mission_store::Error::Conflict { current, .. }) => Some(current.0),
            _ => None,
        };
        if status.is_server_error() {
            tracing::error!(code, error = %error.in_full(), "a request failed");
        }
        Self { status, code: code.into(), detail: error.in_full(), current_version }
    }
}

impl From<mission_store::Error> for Problem {
    fn from(error: mission_store::Error) -> Self {
        Error::Store(error).into()
    }
}

/// Returns the status of a lawful no: 403 for who may not, 409 for not now, 422 for what cannot be meant.
fn of_rejection(rejection: &Rejection) -> StatusCode {
    use Rejection as R;
    match rejection {
        R::NotAPerson(_)
        | R::NotTheController(_)
        | R::OwnWork { .. }
        | R::NotIndependent { .. }
        | R::NotTheDecider { .. }
        | R::NotYourAttempt { .. }
        | R::WrongRole { .. }
        | R::VerdictNotAllowed(_)
        | R::NoScriptHere => StatusCode::FORBIDDEN,
        R::Ended
        | R::NotEnded
        | R::AlreadyParked
        | R::NotParked
        | R::IsACampaign
        | R::NotACampaign
        | R::NoOpenChildren
        | R::NotDispatchable(_)
        | R::AttemptLive(_)
        | R::GateNotOpen(_)
        | R::NoOpenGate
        | R::TooEarly { .. }
        | R::StaleEpoch(_)
        | R::AttemptOver(_)
        | R::NothingToTakeOver(_)
        | R::NoPacket(_)
        | R::PacketChanged(_)
        | R::DecidedMeanwhile(_)
        | R::NothingToWithdraw(_)
        | R::MessageDelivered(_)
        | R::MessageOver { .. }
        | R::MessageInBrief { .. }
        | R::MessageHeld { .. }
        | R::NothingSaid(_)
        | R::NoQuestion
        | R::NotBlocked
        | R::ApprovalClosed { .. }
        | R::ApprovalTooLate { .. }
        | R::Cycle(_)
        | R::Itself
        | R::CampaignGate(_)
        | R::OtherCommit
        | R::NotReadyToLand
        | R::AlreadyCorrected { .. } => StatusCode::CONFLICT,
        R::UnknownGate(_)
        | R::ReasonMissing(_)
        | R::EmptyText
        | R::TextTooLong(..)
        | R::UnknownTicket(_)
        | R::UnknownWorkflow(_)
        | R::UnknownFinding(_) => StatusCode::UNPROCESSABLE_ENTITY,
        R::SaidTooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
        R::UnknownAttempt(_) | R::UnknownApproval(_) | R::UnknownMessage(_) => {
            StatusCode::NOT_FOUND
        }
    }
}

fn of_home(rejection: &HomeRejection) -> StatusCode {
    match rejection {
        HomeRejection::UnknownProject(_) => StatusCode::NOT_FOUND,
        HomeRejection::KeyTaken { .. }
        | HomeRejection::AlreadyPaused(_)
        | HomeRejection::NotPaused(_)
        | HomeRejection::SessionTaken { .. }
        | HomeRejection::SessionGone { .. } => StatusCode::CONFLICT,
    }
}

fn of_store(error: &mission_store::Error) -> (StatusCode, &'static str) {
    use mission_store::Error as E;
    match error {
        E::Missing(_) => (StatusCode::NOT_FOUND, "not_found"),
        E::Conflict { .. } | E::Taken(_) => (StatusCode::CONFLICT, "conflict"),
        E::Replayed { .. } => (StatusCode::CONFLICT, "replayed"),
        E::StaleEpoch { .. } => (StatusCode::CONFLICT, "stale_epoch"),
        E::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        E::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        E::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        E::Locked { .. } | E::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        E::Corrupt(_) => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
    }
}
