//! What the server's refusals mean to the caller.

use serde::Deserialize;

use crate::store::{StoreError, StoreErrorKind};

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No connection, or it broke.
    #[error("{0}")]
    Lost(String),
    /// The server's certificate was not accepted.
    #[error("{0}")]
    Untrusted(String),
    /// Something answers that is spoken to in the wrong way.
    #[error("{0}")]
    Protocol(String),
    /// The server answered with an error.
    #[error("{}", .0)]
    Refused(Refusal),
    /// The server's answer is not what this program knows.
    #[error("the answer was not understood: {0}")]
    NotUnderstood(String),
    /// Some shards did not contribute to the answer.
    #[error("{0}")]
    Incomplete(String),
    /// A stored document is no packet.
    #[error("{0}")]
    Damaged(String),
}

/// An error answer, of a whole request or of one line of a bulk request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// Elasticsearch's name of the error, empty when there is none.
    pub(super) name: String,
    /// Its explanation.
    pub(super) reason: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
    /// Kibana's reason; its `error` is only the name of the status.
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorDetail {
    Text(String),
    Object(Cause),
}

/// An error as Elasticsearch describes it.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Cause {
    #[serde(rename = "type", default)]
    name: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Cause>>,
    /// What shards had to say to a search; each kind of reason once.
    #[serde(default)]
    failed_shards: Vec<FailedShard>,
}

#[derive(Debug, Deserialize)]
struct FailedShard {
    reason: Box<Cause>,
}

/// More of a web page or a stack trace helps nobody.
const REASON_LIMIT: usize = 400;

impl Failure {
    /// The meaning of an answer with an error status.
    pub(super) fn refused(status: u16, body: &[u8]) -> Self {
        let refusal = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(ErrorBody { error: ErrorDetail::Object(cause), .. }) => Refusal::of(status, cause),
            Ok(ErrorBody { error: ErrorDetail::Text(text), message }) => {
                let reason = shortened(&message.unwrap_or(text));
                Refusal { status, name: String::new(), reason }
            }
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                let reason = format!("HTTP status {status} {}", shortened(&text));
                Refusal { status, name: String::new(), reason: reason.trim_end().to_owned() }
            }
        };
        Self::Refused(refusal)
    }

    /// Whether this is the server's error with that status.
    pub(super) fn has_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }

    /// Whether a search may have failed because the node is gone that held its snapshot.
    pub(super) fn may_be_of_a_lost_shard(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Incomplete(_) => true,
            Self::Refused(refusal) => matches!(refusal.status, 404 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether an index is missing that is one of the archive's partitions, and not the archive.
    pub(super) fn is_of_lost_partition(&self) -> bool {
        let Self::Refused(refusal) = self else { return false };
        let index = refusal.reason.strip_prefix("no such index [");
        let index = index.and_then(|rest| rest.split_once(']')).map(|(index, _)| index);
        let time = index.and_then(|index| index.rsplit_once('-')).map(|(_, time)| time);
        refusal.status == 404
            && refusal.name == "index_not_found_exception"
            && time.is_some_and(|time| {
                time.contains('.') && time.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
            })
    }

    /// As an error of the store while doing `operation`.
    pub(super) fn during(self, operation: impl Into<String>) -> StoreError {
        let kind = match &self {
            Self::Lost(_) => StoreErrorKind::Unreachable,
            Self::Untrusted(_) => StoreErrorKind::UntrustedCertificate,
            Self::Protocol(_) => StoreErrorKind::InvalidConfiguration,
            Self::Refused(refusal) => refusal.kind(),
            Self::NotUnderstood(_) => StoreErrorKind::Other,
            Self::Incomplete(_) => StoreErrorKind::Busy,
            Self::Damaged(_) => StoreErrorKind::Corrupt,
        };
        StoreError::new(kind, operation, self)
    }

    /// The same of a question with which work begins: whatever answers in the server's place (a
    /// proxy's page while the server is away) says nothing about it.
    pub(super) fn during_opening(self, operation: impl Into<String>) -> StoreError {
        match self {
            Self::NotUnderstood(reason) => StoreError::new(
                StoreErrorKind::Unreachable,
                operation,
                format!("what answers is no Elasticsearch, perhaps a proxy before it: {reason}"),
            ),
            failure => failure.during(operation),
        }
    }

    /// The same of a request that may be sent again: what comes between (a proxy's page, half an
    /// answer) passes, and says nothing about the packets.
    pub(super) fn during_writing(self, operation: impl Into<String>) -> StoreError {
        match self {
            Self::NotUnderstood(_) => StoreError::new(StoreErrorKind::Busy, operation, self),
            failure => failure.during(operation),
        }
    }
}

impl Refusal {
    /// The error with the innermost of its causes, which usually is the helpful one.
    pub(super) fn of(status: u16, cause: Cause) -> Self {
        let mut reason = cause.reason.unwrap_or_else(|| cause.name.clone());
        let of_shard = cause.failed_shards.into_iter().next().map(|shard| shard.reason);
        let mut inner = cause.caused_by.or(of_shard);
        while let Some(next) = inner {
            if next.caused_by.is_none()
                && let Some(text) = &next.reason
            {
                reason = format!("{reason}: {text}");
            }
            inner = next.caused_by;
        }
        Self { status, name: cause.name, reason: shortened(&reason) }
    }

    /// What the caller can do about it.
    pub(super) fn kind(&self) -> StoreErrorKind {
        match (self.status, self.name.as_str()) {
            // No master yet, or the cluster's state not recovered: it is still starting.
            (503, "cluster_block_exception") => StoreErrorKind::Busy,
            (_, "cluster_block_exception") => StoreErrorKind::Full,
            (400, "validation_exception") if self.is_shard_limit() => StoreErrorKind::Full,
            (401, _) => StoreErrorKind::Unauthorized,
            (403, _) => StoreErrorKind::Forbidden,
            (404, "index_not_found_exception" | "resource_not_found_exception") => {
                StoreErrorKind::NotSetUp
            }
            (400, "index_closed_exception" | "invalid_alias_name_exception") => {
                StoreErrorKind::Conflict
            }
            (429 | 500..=599, _) => StoreErrorKind::Busy,
            _ => StoreErrorKind::Other,
        }
    }

    /// "this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum
    /// normal shards open" (Elasticsearch 8.19).
    fn is_shard_limit(&self) -> bool {
        self.reason.contains("would add") && self.reason.contains("shards")
    }
}

/// Reads an answer. To check once that all of it is text takes less time than each string in it.
pub(super) fn parse<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Failure> {
    let text = str::from_utf8(answer).map_err(|error| Failure::NotUnderstood(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| Failure::NotUnderstood(error.to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> StoreErrorKind {
        Failure::refused(status, body.as_bytes()).during("test").kind
    }

    #[test]
    fn a_partition_that_has_gone_is_not_the_archive() {
        let body = |index: &str| {
            format!(
                r#"{{"error":{{"type":"index_not_found_exception","reason":"no such index [{index}]"}}}}"#
            )
        };
        let is_lost = |index| Failure::refused(404, body(index).as_bytes()).is_of_lost_partition();
        assert!(is_lost("pcap-singles-2025.10") && is_lost("pcap-singles-2025.10.03.17"));
        assert!(!is_lost("pcap-singles") && !is_lost("pcap-singles-setup") && !is_lost("a-b7"));
    }

    #[test]
    fn what_a_shard_says_is_told() {
        let body = r#"{"error":{"type":"search_phase_execution_exception",
            "reason":"Partial shards failure","phase":"query","failed_shards":[{"shard":0,
            "index":"pcap-2025.10","reason":{"type":"index_not_found_exception",
            "reason":"no such index [pcap-2025.10]"}}]},"status":503}"#;
        let failure = Failure::refused(503, body.as_bytes());
        let reason = "Partial shards failure: no such index [pcap-2025.10]";
        assert_eq!(failure.to_string(), reason);
        assert!(failure.may_be_of_a_lost_shard() && !failure.is_of_lost_partition());
    }

    #[test]
    fn answers_become_what_the_caller_can_do() {
        let error = |name: &str, reason: &str| {
            format!(r#"{{"error":{{"type":"{name}","reason":"{reason}"}},"status":0}}"#)
        };
        for (status, body, expected) in [
            (
                401,
                error("security_exception", "unable to authenticate"),
                StoreErrorKind::Unauthorized,
            ),
            (403, error("security_exception", "action is unauthorized"), StoreErrorKind::Forbidden),
            (
                404,
                error("index_not_found_exception", "no such index [pcap-singles]"),
                StoreErrorKind::NotSetUp,
            ),
            (429, error("es_rejected_execution_exception", "rejected"), StoreErrorKind::Busy),
            (429, error("circuit_breaking_exception", "data too large"), StoreErrorKind::Busy),
            (
                503,
                error("cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master];"),
                StoreErrorKind::Busy,
            ),
            (
                429,
                error("cluster_block_exception", "disk usage exceeded flood-stage watermark"),
                StoreErrorKind::Full,
            ),
            (
                403,
                error("cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"),
                StoreErrorKind::Full,
            ),
            (
                400,
                error(
                    "validation_exception",
                    "Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;",
                ),
                StoreErrorKind::Full,
            ),
            (400, error("validation_exception", "something else"), StoreErrorKind::Other),
            (502, "<html>Bad Gateway</html>".to_owned(), StoreErrorKind::Busy),
            (504, String::new(), StoreErrorKind::Busy),
            (500, error("null_pointer_exception", "a node in trouble"), StoreErrorKind::Busy),
        ] {
            assert_eq!(kind(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_a_reason_to_send_again() {
        let failure = || Failure::NotUnderstood("expected value at line 1".into());
        assert!(failure().during_writing("test").is_retryable());
        assert!(failure().during_opening("test").is_retryable());
        assert!(!failure().during("test").is_retryable());
        let refused = Failure::refused(400, b"no");
        assert_eq!(refused.during_writing("test").kind, StoreErrorKind::Other);
    }

    #[test]
    fn the_innermost_cause_is_told() {
        let body = br#"{"error":{"type":"a","reason":"failed to parse",
            "caused_by":{"type":"b","reason":"middle","caused_by":{"type":"c","reason":"bad date"}}}}"#;
        let failure = Failure::refused(400, body);
        assert_eq!(failure.to_string(), "failed to parse: bad date");
    }

    #[test]
    fn a_text_is_a_reason_too() {
        let failure = Failure::refused(400, br#"{"error":"no handler found for uri [/x]"}"#);
        assert_eq!(failure.to_string(), "no handler found for uri [/x]");
        assert!(failure.has_status(400));
        let body =
            br#"{"statusCode":403,"error":"Forbidden","message":"Unable to find dashboard"}"#;
        assert_eq!(Failure::refused(403, body).to_string(), "Unable to find dashboard");
    }
}
