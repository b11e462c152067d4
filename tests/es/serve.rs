//! The API on a real Elasticsearch, with log-in by its own accounts and keys.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

use crate::program::Program;
use crate::sandbox::conversations;
use crate::sandbox::served::{Served, cookie};
use crate::support::{Method, Server, raw};

const PASSWORD: &str = "correct horse battery";

/// An archive with packets, and accounts for it.
struct Accounts {
    program: Program,
    server: Server,
    /// May read the archive.
    reader: String,
    /// May nothing.
    nobody: String,
}

impl Accounts {
    async fn new(name: &str) -> Self {
        let program = Program::new(name).set_up();
        program.sandbox.file("a.pcap", &conversations());
        program.ok("publish", &["ingest", "a.pcap"]);
        let accounts = Self {
            server: Server::from_env(),
            reader: format!("{}-reader", program.index),
            nobody: format!("{}-nobody", program.index),
            program,
        };
        accounts.let_reader("read").await;
        for (user, roles) in
            [(&accounts.reader, json!([accounts.reader])), (&accounts.nobody, json!([]))]
        {
            let body = json!({ "password": PASSWORD, "roles": roles });
            accounts.ask(Method::Put, &format!("_security/user/{user}"), Some(body)).await;
        }
        accounts
    }

    /// Changes what the reader may do with the archive.
    async fn let_reader(&self, right: &str) {
        let index = &self.program.index;
        let role = json!({ "indices": [{
            "names": [index, format!("{index}-*")],
            "privileges": [right, "view_index_metadata"],
        }] });
        self.ask(Method::Put, &format!("_security/role/{}", self.reader), Some(role)).await;
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) {
        let (status, answer) = raw(&self.server, method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }

    fn served(&self) -> Served {
        let arguments = ["--auth", "elasticsearch", "--audit-file", "audit"];
        Served::start(&self.program.sandbox, &arguments)
    }

    async fn remove(self) {
        for path in [
            format!("_security/user/{}", self.reader),
            format!("_security/user/{}", self.nobody),
            format!("_security/role/{}", self.reader),
        ] {
            self.ask(Method::Delete, &path, None).await;
        }
    }
}

async fn json_of(response: reqwest::Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test]
async fn people_ask_with_their_own_account() {
    let accounts = Accounts::new("serve").await;
    let served = accounts.served();
    assert_eq!(served.get("/readyz").await.status(), 200);
    assert_eq!(served.get("/api/v1/packets").await.status(), 401);
    let login = |user: &str, password: &str| json!({ "user": user, "password": password });

    for (user, password, status) in [
        (accounts.reader.as_str(), "wrong password", 401),
        ("nobody-of-this-name", PASSWORD, 401),
        (accounts.nobody.as_str(), PASSWORD, 403),
    ] {
        let response = served.log_in(&login(user, password)).await;
        assert_eq!(response.status(), status, "{user}");
        assert!(response.headers().get(SET_COOKIE).is_none());
    }

    let response = served.log_in(&login(&accounts.reader, PASSWORD)).await;
    assert_eq!(response.status(), 204);
    let cookie = cookie(&response);
    let session = json_of(served.get_as(&cookie, "/api/v1/session").await).await;
    assert_eq!(session["user"], accounts.reader.as_str());
    let summary = json_of(served.get_as(&cookie, "/api/v1/summary").await).await;
    assert_eq!((&summary["packets"], &summary["exact"]), (&200.into(), &true.into()));
    let bytes = served.get_as(&cookie, "/api/v1/pcap?words=53").await.bytes().await.unwrap();
    let fetched = accounts.program.ok("read", &["fetch", "53", "--format", "pcap", "-w", "-"]);
    assert_eq!(bytes, fetched);
    let audit = std::fs::read_to_string(accounts.program.sandbox.path("audit")).unwrap();
    let download: Value = serde_json::from_str(audit.lines().last().unwrap()).unwrap();
    assert_eq!(download["user"], accounts.reader.as_str());
    assert!(!audit.contains(PASSWORD));

    // The server's roles hold at every question, not only at the log-in.
    accounts.let_reader("create_doc").await;
    let (status, body) = {
        let response = served.get_as(&cookie, "/api/v1/packets").await;
        (response.status(), json_of(response).await)
    };
    assert_eq!(status, 403, "{body}");
    drop(served);
    accounts.remove().await;
}

#[tokio::test]
async fn people_ask_with_an_api_key() {
    let program = Program::new("serve-key").set_up();
    program.sandbox.file("a.pcap", &conversations());
    program.ok("publish", &["ingest", "a.pcap"]);
    let served = Served::start(&program.sandbox, &["--auth", "elasticsearch"]);
    let key = |name: &str| {
        let path = program.sandbox.path("keys").join(format!("{name}.key"));
        json!({ "api_key": std::fs::read_to_string(path).unwrap() })
    };
    for (login, status) in
        [(json!({ "api_key": "no key" }), 400), (json!({ "api_key": "aWQ6a2V5" }), 401)]
    {
        assert_eq!(served.log_in(&login).await.status(), status, "{login}");
    }
    let response = served.log_in(&key("read")).await;
    assert_eq!(response.status(), 204);
    let page = json_of(served.get_as(&cookie(&response), "/api/v1/packets?limit=7").await).await;
    assert_eq!(page["packets"].as_array().unwrap().len(), 7);

    // The publish key gets in, and may still not read.
    let response = served.log_in(&key("publish")).await;
    assert_eq!(response.status(), 204);
    for path in ["/api/v1/packets", "/api/v1/summary", "/api/v1/pcap"] {
        assert_eq!(served.get_as(&cookie(&response), path).await.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn both_stores_answer_alike() {
    let program = Program::new("serve-alike").set_up();
    program.sandbox.file("a.pcap", &conversations());
    program.ok("publish", &["ingest", "a.pcap"]);
    let embedded = crate::sandbox::Sandbox::embedded();
    embedded.file("a.pcap", &conversations());
    embedded.ok(&["ingest", "a.pcap"]);
    let here = Served::start(&embedded, &[]);
    let arguments = ["--api-key-file", "keys/read.key", "serve", "--listen", "127.0.0.1:0"];
    let there = Served::run(&program.sandbox, &arguments);
    for path in [
        "/api/v1/packets?limit=50",
        "/api/v1/packets?words=tcp&words=443&limit=50",
        "/api/v1/packets?order=frame&limit=10",
        "/api/v1/histogram?buckets=40",
        "/api/v1/histogram?words=dns&since=2023-11-14T22:13:25Z&until=2023-11-14T22:13:26Z",
        "/api/v1/summary",
        "/api/v1/summary?words=udp",
        "/api/v1/check?q=",
    ] {
        assert_eq!(here.json(path).await, there.json(path).await, "{path}");
    }
    for path in ["/api/v1/pcap", "/api/v1/pcapng?words=8.8.8.8"] {
        assert_eq!(here.bytes(path).await, there.bytes(path).await, "{path}");
    }
}
