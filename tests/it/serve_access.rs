//! Who may ask: log-in, sessions, names of the server, and what it refuses to be.

use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_TYPE, COOKIE, HOST, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
};
use serde_json::{Value, json};

use crate::support::served::{Served, cookie};
use crate::support::{Sandbox, conversations, oracle};

const PASSWORD: &str = "correct horse battery";

/// With packets, and with one user.
fn with_user() -> Sandbox {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    let added = sandbox.fed(&["user", "add", "anna", "--users", "users"], PASSWORD.as_bytes());
    assert_eq!(added.code, Some(0), "{added}");
    sandbox
}

fn served(sandbox: &Sandbox) -> Served {
    Served::start(sandbox, &["--auth", "users", "--users", "users", "--audit-file", "audit"])
}

#[tokio::test]
async fn nothing_is_told_without_a_log_in() {
    let sandbox = with_user();
    let served = served(&sandbox);
    for path in [
        "status",
        "fields",
        "check",
        "packets",
        "packets/x",
        "histogram",
        "summary",
        "conversation/x",
        "pcap",
        "pcapng",
        "openapi.json",
    ] {
        let (status, body) = served.answer(&format!("/api/v1/{path}")).await;
        assert_eq!((status, &body["error"]), (401, &"log in first".into()), "{path}");
    }
    for path in ["/", "/healthz", "/readyz", "/api/v1/session"] {
        assert_eq!(served.get(path).await.status(), 200, "{path}");
    }
    let session = served.json("/api/v1/session").await;
    assert_eq!(session, json!({ "auth": "users", "user": null, "csrf": null }));
    assert_eq!(served.get_as("pcap_archiver=forged", "/api/v1/status").await.status(), 401);
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_ends_with_the_log_out() {
    let sandbox = with_user();
    let served = served(&sandbox);
    let response = served.log_in(&json!({ "user": "anna", "password": PASSWORD })).await;
    assert_eq!(response.status(), 204);
    let whole = response.headers()[SET_COOKIE].to_str().unwrap();
    let cookie = cookie(&response);
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(whole.contains(attribute), "{whole}");
    }
    assert!(!whole.contains("Secure"), "over plain HTTP the browser would drop it: {whole}");
    let session = served.get_as(&cookie, "/api/v1/session").await.text().await.unwrap();
    let session: Value = serde_json::from_str(&session).unwrap();
    assert_eq!(session["user"], "anna");
    assert_eq!(served.get_as(&cookie, "/api/v1/status").await.status(), 200);

    let log_out = |csrf: &str| {
        let request = served.client.post(format!("{}/api/v1/logout", served.url));
        request.header(COOKIE, &cookie).header("x-csrf-token", csrf).send()
    };
    assert_eq!(log_out("").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(served.get_as(&cookie, "/api/v1/status").await.status(), 200);
    let csrf = session["csrf"].as_str().unwrap();
    assert_eq!(log_out(csrf).await.unwrap().status(), 204);
    assert_eq!(served.get_as(&cookie, "/api/v1/status").await.status(), 401);
}

#[tokio::test]
async fn a_session_ends_with_its_user_and_with_its_password() {
    let sandbox = with_user();
    let add = |name: &str, password: &str| {
        let added = sandbox.fed(&["user", "add", name, "--users", "users"], password.as_bytes());
        assert_eq!(added.code, Some(0), "{added}");
    };
    add("berta", PASSWORD);
    let served = served(&sandbox);
    let logged_in = async |name: &str, password: &str| {
        let response = served.log_in(&json!({ "user": name, "password": password })).await;
        assert_eq!(response.status(), 204, "{name}");
        cookie(&response)
    };
    let (anna, berta) = (logged_in("anna", PASSWORD).await, logged_in("berta", PASSWORD).await);
    let status = async |cookie: &str| served.get_as(cookie, "/api/v1/status").await.status();
    assert_eq!((status(&anna).await, status(&berta).await), (StatusCode::OK, StatusCode::OK));

    sandbox.ok(&["user", "remove", "anna", "--users", "users"]);
    assert_eq!(status(&anna).await, StatusCode::UNAUTHORIZED);
    let session = served.get_as(&anna, "/api/v1/session").await.text().await.unwrap();
    assert!(session.contains(r#""user":null"#), "{session}");
    assert_eq!(status(&berta).await, StatusCode::OK, "of the others nothing ends");

    add("anna", PASSWORD);
    assert_eq!(status(&anna).await, StatusCode::UNAUTHORIZED, "what has ended stays so");
    let anna = logged_in("anna", PASSWORD).await;
    sandbox.ok(&["user", "remove", "anna", "--users", "users"]);
    add("anna", "another battery");
    assert_eq!(status(&anna).await, StatusCode::UNAUTHORIZED, "the password is another one");
    let anna = logged_in("anna", "another battery").await;
    assert_eq!(status(&anna).await, StatusCode::OK);
}

#[tokio::test]
async fn wrong_passwords_have_to_wait() {
    let sandbox = with_user();
    let served = served(&sandbox);
    let wrong = json!({ "user": "anna", "password": "correct horse batterz" });
    let nobody = served.log_in(&json!({ "user": "berta", "password": PASSWORD })).await;
    assert_eq!(nobody.status(), 401);
    let unknown = nobody.text().await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..7 {
        let response = served.log_in(&wrong).await;
        let status = response.status().as_u16();
        if status == 401 {
            assert_eq!(response.text().await.unwrap(), unknown, "names are not told");
        } else {
            assert!(response.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() > 0);
        }
        answers.push(status);
    }
    assert_eq!(answers[..5], [401; 5]);
    assert_eq!(answers[6], 429, "{answers:?}");
    let right = json!({ "user": "anna", "password": PASSWORD });
    assert_eq!(served.log_in(&right).await.status(), 429, "the right one has to wait as well");
    let audit = std::fs::read_to_string(sandbox.path("audit")).unwrap();
    let mut lines = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        lines.any(|line| line["user"] == "anna" && line["outcome"] == "has to wait"),
        "{audit}"
    );
}

#[tokio::test]
async fn a_form_of_another_site_logs_nobody_in() {
    let sandbox = with_user();
    let served = served(&sandbox);
    let login = json!({ "user": "anna", "password": PASSWORD }).to_string();
    let request = served.client.post(format!("{}/api/v1/login", served.url));
    let answer = request.header(CONTENT_TYPE, "text/plain").body(login).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.headers().get(SET_COOKIE).is_none());
}

#[tokio::test]
async fn downloads_and_log_ins_are_written_down() {
    let sandbox = with_user();
    let served = served(&sandbox);
    served.log_in(&json!({ "user": "anna", "password": "no password" })).await;
    let response = served.log_in(&json!({ "user": "anna", "password": PASSWORD })).await;
    let cookie = cookie(&response);
    let path = "/api/v1/pcap?words=53&since=2023-01-01";
    let bytes = served.get_as(&cookie, path).await.bytes().await.unwrap();
    let lines = std::fs::read_to_string(sandbox.path("audit")).unwrap();
    assert!(!lines.contains(PASSWORD) && !lines.contains("no password"));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |line: usize, name: &str| lines[line][name].clone();
    assert_eq!((of(0, "event"), of(0, "outcome")), ("log-in".into(), "refused".into()));
    assert_eq!((of(1, "event"), of(1, "outcome")), ("log-in".into(), "logged in".into()));
    assert_eq!((of(2, "event"), of(2, "user")), ("download begins".into(), "anna".into()));
    let download = &lines[3];
    let file = sandbox.file("taken.pcap", &bytes).display().to_string();
    let sum = String::from_utf8(oracle("sha256sum", &[&file])).unwrap();
    assert_eq!(download["sha256"], sum.split(' ').next().unwrap());
    assert_eq!(download["user"], "anna");
    assert_eq!(download["query"], "words=53&since=2023-01-01");
    assert_eq!(download["bytes"], bytes.len());
    assert_eq!(download["outcome"], "complete");
    let packets = sandbox.ok(&["fetch", "53", "--count"]);
    assert_eq!(download["packets"].to_string(), packets.trim());
}

#[tokio::test]
async fn only_this_machine_s_names_are_answered_without_a_log_in() {
    let sandbox = with_user();
    let served = Served::start(&sandbox, &["--host-name", "archive.example"]);
    let status = async |host: &str, site: &str| {
        let request = served.client.get(format!("{}/api/v1/status", served.url));
        let request = request.header(HOST, host).header("sec-fetch-site", site);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("localhost:1", "same-origin").await, 200);
    assert_eq!(status("archive.example", "none").await, 200);
    assert_eq!(status("evil.example", "same-origin").await, 421);
    assert_eq!(status("localhost", "cross-site").await, 403);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_a_careful_server() {
    let sandbox = with_user();
    let served = served(&sandbox);
    for path in ["/", "/api/v1/session", "/api/v1/status", "/nothing", "/healthz"] {
        let response = served.get(path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let cache = if path == "/" { "no-cache" } else { "no-store" };
        assert_eq!(header("cache-control"), cache, "{path}");
        let strict = response.headers().get(STRICT_TRANSPORT_SECURITY);
        assert_eq!(strict, None, "there is no TLS that could be meant");
    }
}

#[test]
fn a_server_that_would_be_open_to_all_does_not_start() {
    let sandbox = with_user();
    for (arguments, said) in [
        (&["serve", "--listen", "0.0.0.0:0"][..], "--auth users"),
        (&["serve", "--auth", "users"], "--users FILE"),
        (&["serve", "--auth", "elasticsearch"], "no Elasticsearch"),
        (&["up", ".", "--listen", "[::]:0"], "--auth users"),
    ] {
        let run = sandbox.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(said), "{run}");
    }
    let none = sandbox.run(&["serve", "--auth", "users", "--users", "missing"]);
    assert_eq!(none.code, Some(1), "{none}");
}

#[test]
fn a_password_in_clear_text_is_warned_of_where_others_may_read_it() {
    let sandbox = with_user();
    let said = |listen: &str| {
        let arguments = ["serve", "--listen", listen, "--auth", "users", "--users", "users"];
        Served::run(&sandbox, &arguments).said.join("\n")
    };
    assert!(said("0.0.0.0:0").contains("warning: passwords and packets travel in clear text"));
    assert!(!said("127.0.0.1:0").contains("warning"));
}

#[test]
fn users_are_added_listed_and_removed() {
    let sandbox = with_user();
    sandbox.file("password", b"another password\n");
    let users =
        |arguments: &[&str]| sandbox.run(&[&["user", "--users", "users"], arguments].concat());
    assert_eq!(users(&["add", "berta", "--password-file", "password"]).code, Some(0));
    assert_eq!(sandbox.ok(&["user", "list", "--users", "users"]), "anna\nberta\n");
    assert_eq!(users(&["remove", "anna"]).code, Some(0));
    assert_eq!(sandbox.ok(&["user", "list", "--users", "users"]), "berta\n");
    for wrong in [&["add", "berta", "--password-file", "password"][..], &["remove", "anna"]] {
        let run = users(wrong);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.starts_with("error: "), "{run}");
    }
    let short = sandbox.fed(&["user", "add", "carla", "--users", "users"], b"short\n");
    assert_eq!(short.code, Some(1), "{short}");
}

/// A certificate for this machine, and its key.
fn certificate(sandbox: &Sandbox, name: &str) -> [String; 2] {
    let files =
        ["crt", "key"].map(|end| sandbox.path(&format!("{name}.{end}")).display().to_string());
    let [certificate, key] = &files;
    oracle(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
    );
    files
}

#[tokio::test]
async fn with_a_certificate_everything_is_encrypted() {
    let sandbox = with_user();
    let [certificate, key] = certificate(&sandbox, "server");
    let [_, other_key] = self::certificate(&sandbox, "other");
    let users = ["--auth", "users", "--users", "users", "--tls-cert", &certificate, "--tls-key"];
    let mut served = Served::start(&sandbox, &[&users[..], &[&key]].concat());
    assert!(served.url.starts_with("https://"), "{}", served.url);
    assert!(served.client.get(&served.url).send().await.is_err(), "nobody vouches for it");
    let authority = std::fs::read(&certificate).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    served.client = reqwest::Client::builder().add_root_certificate(authority).build().unwrap();
    let response = served.log_in(&json!({ "user": "anna", "password": PASSWORD })).await;
    assert_eq!(response.headers()[STRICT_TRANSPORT_SECURITY], "max-age=31536000");
    let whole = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(whole.starts_with("__Host-pcap_archiver=") && whole.ends_with("; Secure"), "{whole}");
    let status = served.get_as(&cookie(&response), "/api/v1/status").await.status();
    assert_eq!(status, StatusCode::OK);

    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for wrong in [&other_key, "absent.key"] {
        let run = sandbox.run(&[&serve[..], &users[..], &[wrong]].concat());
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.starts_with("error: "), "{run}");
    }
}
