//! What goes wrong, and what the caller is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pcap_archiver::query::Query;
use pcap_archiver::store::{
    self, Access, Credentials, PacketStore as _, Secret, StoreErrorKind, StoreUrl,
};

use crate::support::{Archive, Server, fetch, kind_of, packets};

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let server = Server::from_env();
    let access = Access { ca_certificate: None, ..server.access.clone() };
    let result = server.open(&access).await.check().await;
    assert_eq!(kind_of(result), StoreErrorKind::UntrustedCertificate);
    let insecure = Access { insecure: true, ..access };
    let result = server.open(&insecure).await.check().await;
    // Whether there is an archive of the default name on this server, nobody knows.
    let is_trusted = result.is_ok() || kind_of(result) != StoreErrorKind::UntrustedCertificate;
    assert!(is_trusted, "by explicit wish");
}

#[tokio::test]
async fn a_wrong_key_is_unauthorized_and_not_shown() {
    let archive = Archive::set_up("key").await;
    let key = "d3Jvbmc6d3Jvbmd3cm9uZ3dyb25n";
    let credentials = Credentials::ApiKey(Secret::new(key));
    let access = Access { credentials, ..archive.access.clone() };
    let store = archive.server.open(&access).await;
    assert!(!format!("{store:?}").contains(key));
    let error = store.check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unauthorized);
    assert!(!format!("{error:?} {error}").contains(key));
    assert_eq!(kind_of(fetch(&store, &Query::all()).await), StoreErrorKind::Unauthorized);
    let result = store.append(packets("key.pcap", 1)).await;
    assert_eq!(kind_of(result), StoreErrorKind::Unauthorized);
    archive.destroy().await;
}

#[tokio::test]
async fn nobody_there_is_unreachable_at_once() {
    let server = Server::from_env();
    // Port 9 (discard) is served nowhere nowadays.
    let url = StoreUrl::parse("https://127.0.0.1:9").unwrap();
    let store = store::open(url, server.access.clone()).await.unwrap();
    for result in [store.check().await, store.append(packets("x", 1)).await.map(|_| ())] {
        let error = result.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unreachable);
        assert!(error.to_string().contains("https://127.0.0.1:9"), "{error}");
    }
    assert_eq!(kind_of(fetch(store.as_ref(), &Query::all()).await), StoreErrorKind::Unreachable);
}

#[tokio::test]
async fn http_and_https_are_told_apart() {
    let server = Server::from_env();
    let url = StoreUrl::parse(&server.url.to_string().replace("https:", "http:")).unwrap();
    let store = store::open(url, server.access.clone()).await.unwrap();
    let error = store.check().await.unwrap_err();
    assert!(error.to_string().contains("perhaps the server speaks https"), "{error}");
}

#[tokio::test]
async fn an_archive_that_is_not_set_up_says_so() {
    let archive = Archive::named("absent");
    let store = archive.admin().await;
    assert_eq!(kind_of(store.check().await), StoreErrorKind::NotSetUp);
    assert_eq!(kind_of(fetch(&store, &Query::all()).await), StoreErrorKind::NotSetUp);
    let result = store.append(packets("absent.pcap", 1)).await;
    assert_eq!(kind_of(result), StoreErrorKind::NotSetUp);
    assert_eq!(kind_of(store.survey(&Query::all()).await), StoreErrorKind::NotSetUp);
    let status = store.status().await.unwrap();
    assert_eq!((status.set_up, status.packets), (false, None));
}

#[tokio::test]
async fn a_wrong_certificate_file_is_told_before_anything_is_sent() {
    let server = Server::from_env();
    let url = Arc::new(server.url.clone());
    let absent = Some("/nonexistent/ca.pem".into());
    let access = Access { ca_certificate: absent, ..server.access.clone() };
    let result = store::open((*url).clone(), access).await;
    assert_eq!(kind_of(result), StoreErrorKind::InvalidConfiguration);
}

/// A server that has just started refuses the right password for some seconds, so setup tries
/// again; but not for ever.
#[tokio::test]
async fn setup_calls_a_wrong_password_wrong() {
    let archive = Archive::named("password");
    let credentials = Credentials::Basic {
        username: "elastic".to_owned(),
        password: Secret::new("wrong password"),
    };
    let access = Access { credentials, ..archive.access.clone() };
    let start = Instant::now();
    let result = archive.server.open(&access).await.setup(&archive.options()).await;
    assert_eq!(kind_of(result), StoreErrorKind::Unauthorized);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}
