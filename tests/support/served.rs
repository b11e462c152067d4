//! The real server, asked over HTTP.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;

use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::Value;

use super::{Sandbox, wait_until};

/// A running `serve`, which ends with this value.
pub struct Served {
    child: Child,
    /// Without a slash at the end.
    pub url: String,
    /// What it said until it could be opened.
    pub said: Vec<String>,
    pub client: reqwest::Client,
}

impl Served {
    /// Starts it on a free port of this machine.
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Self::run(sandbox, &all)
    }

    /// Starts any command that serves.
    pub fn run(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut child = sandbox.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = lines.by_ref().map(|line| line.unwrap()).find_map(|line| {
            let url = line.strip_prefix("open ").map(|url| url.trim_end_matches('/').to_owned());
            said.push(line);
            url
        });
        let url = url.unwrap_or_else(|| panic!("no server: {said:?}"));
        // Nobody reads on: the server must not wait for somebody who does.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url, said, client: reqwest::Client::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("the server ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    pub async fn log_in(&self, login: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}/api/v1/login", self.url));
        let request = request.header(CONTENT_TYPE, "application/json").body(login.to_string());
        request.send().await.unwrap()
    }

    /// As somebody who is logged in.
    pub async fn get_as(&self, cookie: &str, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.url)).header(COOKIE, cookie);
        request.send().await.unwrap()
    }

    /// The JSON of an answer that has to be 200.
    pub async fn json(&self, path: &str) -> Value {
        let (status, body) = self.answer(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Status and JSON.
    pub async fn answer(&self, path: &str) -> (u16, Value) {
        let response = self.get(path).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
        (status, body)
    }

    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.bytes().await.unwrap().to_vec()
    }
}

/// The cookie that an answer sets, as the browser sends it back.
pub fn cookie(response: &reqwest::Response) -> String {
    let whole = response.headers()[SET_COOKIE].to_str().unwrap();
    whole.split(';').next().unwrap().to_owned()
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}
