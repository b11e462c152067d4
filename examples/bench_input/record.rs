//! A proxy that keeps the bulk bodies which pass it: what is posted again for the floor of the
//! ingest is what the archiver itself sends, in every layout.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use tokio::net::{TcpListener, TcpStream};

use crate::server;

struct Recorder {
    server: String,
    client: Client,
    folder: PathBuf,
    /// Bodies so far.
    count: AtomicUsize,
}

/// Until it is killed.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (server, client) = server::of_environment()?;
    let folder = folder.to_owned();
    let recorder = Arc::new(Recorder { server, client, folder, count: AtomicUsize::new(0) });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, recorder.clone()));
    }
}

async fn serve(stream: TcpStream, recorder: Arc<Recorder>) {
    let service = service_fn(move |request| answer(request, recorder.clone()));
    let connection = hyper::server::conn::http1::Builder::new();
    // The archiver sees a lost connection, and says so.
    connection.serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
}

async fn answer(
    request: Request<Incoming>,
    recorder: Arc<Recorder>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    // What only makes visible stores nothing.
    if path.starts_with("/_bulk") && !path.contains("refresh=true") {
        recorder.keep(&head.headers, &body)?;
    }
    let request = recorder.client.request(head.method, format!("{}{path}", recorder.server));
    let request = request.headers(passed_on(&head.headers)).body(body);
    let answer = request.send().await.map_err(io::Error::other)?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = passed_on(answer.headers());
    }
    let body = answer.bytes().await.map_err(io::Error::other)?;
    response.body(Full::new(body)).map_err(io::Error::other)
}

/// Without what is about one connection only.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let own: [HeaderName; 3] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING];
    let mut headers = headers.clone();
    for name in own {
        headers.remove(name);
    }
    headers
}

impl Recorder {
    /// One file for each body, its type in one beside them.
    fn keep(&self, headers: &HeaderMap, body: &Bytes) -> io::Result<()> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = headers.get(CONTENT_TYPE) {
            fs::write(self.folder.join("type"), kind)?;
        }
        fs::write(self.folder.join(format!("{number:05}.body")), body)
    }
}
