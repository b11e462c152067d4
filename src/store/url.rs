use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// Where a store is: a directory, or a URL whose scheme names the backend.
///
/// `DIR`, `file:///DIR` (embedded) · `http://HOST:9200`, `https://HOST:9200` (Elasticsearch) ·
/// `memory:` (nothing is kept).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: String,
    rest: String,
}

impl StoreUrl {
    /// Reads a store URL. Anything without a scheme is a directory.
    ///
    /// # Errors
    /// When the text is empty, or an http URL holds a user name or password: those would be
    /// seen in the process list.
    pub fn parse(text: &str) -> StoreResult<Self> {
        let invalid = |reason: &str| {
            StoreError::new(StoreErrorKind::InvalidConfiguration, "read store URL", reason)
        };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => ("file".to_owned(), text),
        };
        if scheme == "http" || scheme == "https" {
            let url = ::url::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(invalid("credentials do not belong into a URL"));
            }
            return Ok(Self { scheme, rest: url.as_str().trim_end_matches('/').to_owned() });
        }
        let path = rest.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(rest);
        Ok(Self { scheme, rest: path.to_owned() })
    }

    /// The embedded store in a directory.
    #[must_use]
    pub fn directory(path: &Path) -> Self {
        Self { scheme: "file".to_owned(), rest: path.to_string_lossy().into_owned() }
    }

    /// The scheme, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The whole URL, for http and https.
    #[must_use]
    pub fn as_http(&self) -> &str {
        &self.rest
    }

    /// The directory of a store that is one.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        (self.scheme() == "file").then(|| self.as_directory())
    }

    /// The directory, for an embedded store.
    #[must_use]
    pub fn as_directory(&self) -> PathBuf {
        PathBuf::from(&self.rest)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme.as_str() {
            "http" | "https" | "file" => f.write_str(&self.rest),
            scheme => write!(f, "{scheme}:{}", self.rest),
        }
    }
}

/// A scheme has two letters or more, so that `C:` stays a directory.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|c| c.is_ascii_alphabetic())
}

/// How to get into a store that asks for it, and how it was set up to be called.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who asks.
    pub credentials: Credentials,
    /// PEM file of a certificate authority to trust beside the well-known ones.
    pub ca_certificate: Option<PathBuf>,
    /// Accept any certificate. Only by the user's explicit wish.
    pub insecure: bool,
    /// Prefix of the index names and name of the alias.
    pub index: String,
}

/// The name the archive has in Elasticsearch unless told otherwise.
pub const DEFAULT_INDEX: &str = "pcap-singles";

impl Default for Access {
    fn default() -> Self {
        Self {
            credentials: Credentials::None,
            ca_certificate: None,
            insecure: false,
            index: DEFAULT_INDEX.to_owned(),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// Base64 of `id:key`.
    ApiKey(Secret),
    /// A user with a password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be sent and not shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_urls_are_told_apart() {
        for (text, scheme, shown) in [
            ("archive", "file", "archive"),
            ("/var/lib/archive", "file", "/var/lib/archive"),
            ("file:///var/lib/archive", "file", "/var/lib/archive"),
            ("file:archive", "file", "archive"),
            ("https://es:9200/", "https", "https://es:9200"),
            ("HTTP://es:9200", "http", "http://es:9200"),
            ("memory:", "memory", "memory:"),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!((url.scheme(), url.to_string().as_str()), (scheme, shown), "{text}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused() {
        assert!(StoreUrl::parse("https://elastic:secret@es:9200").is_err());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let credentials = Credentials::ApiKey(Secret::new("aWQ6a2V5"));
        assert!(!format!("{credentials:?}").contains("aWQ6a2V5"));
    }
}
