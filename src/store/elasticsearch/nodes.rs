//! The nodes of a cluster: one is asked until it is away, then the next.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use elasticsearch::http::transport::{Connection, ConnectionPool};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::answer::Failure;

/// A server on the same continent answers within a tenth of this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// All nodes that were given, and which of them is asked.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    all: Arc<Vec<Node>>,
    current: Arc<AtomicUsize>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    place: usize,
    url: Url,
    connection: Connection,
    /// The last request reached it.
    connected: AtomicBool,
}

impl ConnectionPool for Nodes {
    fn next(&self) -> Connection {
        self.current().connection.clone()
    }
}

impl Nodes {
    /// One node or more.
    pub(super) fn new(urls: Vec<Url>) -> Self {
        let node = |(place, url): (usize, Url)| Node {
            place,
            connection: Connection::new(url.clone()),
            url,
            connected: AtomicBool::new(false),
        };
        let all = urls.into_iter().enumerate().map(node).collect();
        Self { all: Arc::new(all), current: Arc::default() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The one to be asked.
    pub(super) fn current(&self) -> &Node {
        &self.all[self.current.load(Ordering::Relaxed) % self.all.len()]
    }

    /// Turns to the one after `node`, unless somebody else has done so already.
    pub(super) fn leave(&self, node: &Node) {
        let next = (node.place + 1) % self.all.len();
        let (seen, order) = (node.place, Ordering::Relaxed);
        // An error says that it is another's turn already.
        self.current.compare_exchange(seen, next, order, order).ok();
    }

    /// Whether none of them is reached over a network.
    pub(super) fn are_loopback(&self) -> bool {
        self.all.iter().all(|node| is_loopback(&node.url))
    }

    /// Their URLs, as they were given.
    pub(super) fn address(&self) -> String {
        let urls = self.all.iter().map(|node| node.url.as_str().trim_end_matches('/'));
        urls.collect::<Vec<_>>().join(",")
    }
}

impl Node {
    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the last request got through to it.
    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// Whether a server listens at all, within [`CONNECT_TIMEOUT`]. The client library has no
    /// such limit of its own and would wait as long as for an answer.
    pub(super) async fn connect(&self) -> Result<(), Failure> {
        if self.connected.load(Ordering::Relaxed) {
            return Ok(());
        }
        let host = match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(Failure::Lost("the URL names no host".to_owned())),
        };
        let port = self.url.port_or_known_default().unwrap_or(9200);
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::Lost(error.to_string())),
            Err(_) => {
                Err(Failure::Lost(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())))
            }
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(urls: &[&str]) -> Nodes {
        Nodes::new(urls.iter().map(|url| Url::parse(url).unwrap()).collect())
    }

    #[test]
    fn the_next_node_has_its_turn_once() {
        let nodes = nodes(&["https://a:9200", "https://b:9200", "https://c:9200"]);
        let first = nodes.current();
        nodes.leave(first);
        // A second request that was under way to the first node is lost as well.
        nodes.leave(first);
        assert_eq!(nodes.current().url().as_str(), "https://b:9200/");
        nodes.leave(nodes.current());
        nodes.leave(nodes.current());
        assert_eq!(nodes.current().url(), first.url(), "after the last the first again");
        assert_eq!(nodes.address(), "https://a:9200,https://b:9200,https://c:9200");
    }

    #[test]
    fn loopback_has_many_names() {
        for (url, expected) in [
            ("https://localhost:9200", true),
            ("http://127.0.0.2:9200", true),
            ("http://[::1]:9200", true),
            ("https://es.localhost", true),
            ("https://es:9200", false),
            ("http://192.0.2.1:9200", false),
        ] {
            assert_eq!(nodes(&[url]).are_loopback(), expected, "{url}");
        }
    }
}
