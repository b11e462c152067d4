//! A proxy between the ingest and the server, which makes faults when it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// What the proxy does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// Answers 429 and forwards nothing.
    TooManyRequests,
    /// Answers 503 and forwards nothing.
    Unavailable,
    /// Answers 500 and forwards nothing.
    ServerError,
    /// Answers a bulk request with a page that is no JSON and the status 200; forwards nothing.
    Page,
    /// Forwards, and says of half of a bulk request's documents that they were refused.
    RefusedItems,
    /// Closes the connection and forwards nothing.
    CutBefore,
    /// Forwards and closes the connection: the answer is lost.
    CutAfter,
    /// Forwards after a while.
    Delay,
}

/// Of the requests in a time of disturbance, about so many are disturbed.
const SHARE: f64 = 0.6;
/// Longer than a flush takes, much shorter than any timeout.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Listens on the loopback interface until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: Runtime,
}

struct State {
    server: String,
    client: reqwest::Client,
    plan: Mutex<Plan>,
}

struct Plan {
    random: StdRng,
    disturbance: Option<Disturbance>,
    made: BTreeMap<Disturbance, u64>,
}

impl Proxy {
    pub fn start(server: String, ca_certificate: &Path, seed: u64) -> Self {
        let authority = reqwest::Certificate::from_pem(&fs::read(ca_certificate).unwrap()).unwrap();
        let client =
            reqwest::Client::builder().no_proxy().add_root_certificate(authority).build().unwrap();
        let plan =
            Plan { random: StdRng::seed_from_u64(seed), disturbance: None, made: BTreeMap::new() };
        let state = Arc::new(State { server, client, plan: Mutex::new(plan) });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(listen(listener, state.clone()));
        Self { address, state, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, some requests meet this.
    pub fn disturb(&self, disturbance: Option<Disturbance>) {
        self.state.plan().disturbance = disturbance;
    }

    /// How many requests met what.
    pub fn made(&self) -> BTreeMap<Disturbance, u64> {
        self.state.plan().made.clone()
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) -> Infallible {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, state.clone()));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, state.clone()));
    let connection = hyper::server::conn::http1::Builder::new();
    // An error of the service ends the connection, which is one of the faults.
    connection.serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let disturbance = state.next_disturbance(head.uri.path());
    match disturbance {
        Some(Disturbance::TooManyRequests) => return Ok(refusal(StatusCode::TOO_MANY_REQUESTS)),
        Some(Disturbance::Unavailable) => return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Disturbance::ServerError) => return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(Disturbance::Page) => return Ok(Response::new(Full::new("<p>Log in</p>".into()))),
        Some(Disturbance::CutBefore) => return Err(cut()),
        Some(Disturbance::Delay) => sleep(state.delay()).await,
        Some(Disturbance::RefusedItems | Disturbance::CutAfter) | None => {}
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = state.client.request(head.method, format!("{}{path}", state.server));
    for (name, value) in &head.headers {
        if name != HOST && name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            forwarded = forwarded.header(name, value);
        }
    }
    let Ok(answer) = forwarded.body(body).send().await else {
        return Ok(refusal(StatusCode::BAD_GATEWAY));
    };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            response = response.header(name, value);
        }
    }
    let mut body = answer.bytes().await.map_err(io::Error::other)?;
    match disturbance {
        Some(Disturbance::CutAfter) => return Err(cut()),
        Some(Disturbance::RefusedItems) => body = refuse_items(body),
        _ => {}
    }
    response.body(Full::new(body)).map_err(io::Error::other)
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    fn next_disturbance(&self, path: &str) -> Option<Disturbance> {
        let mut plan = self.plan();
        let disturbance = plan.disturbance?;
        let is_about_bulk = matches!(disturbance, Disturbance::RefusedItems | Disturbance::Page);
        let meant = !is_about_bulk || path.ends_with("/_bulk");
        if !meant || !plan.random.random_bool(SHARE) {
            return None;
        }
        *plan.made.entry(disturbance).or_default() += 1;
        Some(disturbance)
    }

    fn delay(&self) -> Duration {
        LONGEST_DELAY.mul_f64(self.plan().random.random())
    }
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let reason = json!({ "type": "made_by_the_test", "reason": "made by the test" });
    let body = json!({ "error": reason, "status": status.as_u16() }).to_string();
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    response
}

fn cut() -> io::Error {
    io::Error::other("cut by the test")
}

/// Says of every second document of a bulk answer that the server was too busy, whatever became
/// of it.
fn refuse_items(answer: Bytes) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(&answer) else { return answer };
    let Some(items) = json["items"].as_array_mut() else { return answer };
    for item in items.iter_mut().step_by(2) {
        let create = &mut item["create"];
        create["status"] = json!(429);
        create["error"] =
            json!({ "type": "es_rejected_execution_exception", "reason": "made by the test" });
    }
    json["errors"] = json!(true);
    json.to_string().into()
}
