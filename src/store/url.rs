use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// Where a store is: a directory, or a URL whose scheme names the backend.
///
/// `DIR`, `file:///DIR` (embedded) · `http://HOST:9200`, `https://HOST:9200`,
/// `https://HOST:9200,https://HOST:9200` (Elasticsearch, one or several nodes of a cluster) ·
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
    /// When the text is empty, an http URL holds a user name or password (those would be seen in
    /// the process list), or several of them are not all http or all https.
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
            let nodes = text.split(',').map(|node| http_node(&scheme, node.trim()));
            let nodes = nodes.collect::<Result<Vec<String>, String>>();
            let nodes = nodes.map_err(|reason| invalid(&reason))?;
            return Ok(Self { scheme, rest: nodes.join(",") });
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

    /// The URLs of the nodes, for http and https.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.rest.split(',')
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

/// The URL of a node, without the slash at its end. The scheme needs to be given only once.
fn http_node(scheme: &str, text: &str) -> Result<String, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let url = ::url::Url::parse(&whole).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into a URL".to_owned());
    }
    if url.scheme() != scheme {
        return Err("its nodes must all be http, or all https".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
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
            ("https://a:9200/,https://b:9200", "https", "https://a:9200,https://b:9200"),
            ("https://a:9200, b:9201", "https", "https://a:9200,https://b:9201"),
            ("memory:", "memory", "memory:"),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!((url.scheme(), url.to_string().as_str()), (scheme, shown), "{text}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused() {
        for text in ["https://elastic:secret@es:9200", "https://a:9200,elastic:secret@b:9200"] {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("credentials") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn nodes_are_of_one_kind_and_none_is_empty() {
        for text in ["https://a:9200,http://b:9200", "https://a:9200,", "https://a:9200,,https://b"]
        {
            assert!(StoreUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let credentials = Credentials::ApiKey(Secret::new("aWQ6a2V5"));
        assert!(!format!("{credentials:?}").contains("aWQ6a2V5"));
    }
}
