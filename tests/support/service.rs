//! An ingest that stays, and is killed and started again.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{signal, wait_until};

/// A process that can be started again in the same way.
pub struct Service {
    command: Box<dyn Fn() -> Command>,
    child: Option<Child>,
    log: PathBuf,
}

impl Service {
    /// Starts it; what it prints is added to `log`.
    pub fn start(log: PathBuf, command: impl Fn() -> Command + 'static) -> Self {
        let mut service = Self { command: Box::new(command), child: None, log };
        service.restart();
        service
    }

    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = (self.command)();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Fails if it has ended by itself.
    pub fn assert_running(&mut self) {
        if let Some(ended) = self.child.as_mut().unwrap().try_wait().unwrap() {
            panic!("the service ended by itself: {ended}\n{}", self.last_words());
        }
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.assert_running();
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and waits.
    pub fn terminate(&mut self) -> ExitStatus {
        self.assert_running();
        let mut child = self.child.take().unwrap();
        signal(&child, "-TERM");
        let mut ended = None;
        wait_until("the service ends", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// Everything it has printed.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The end of what it has printed.
    pub fn last_words(&self) -> String {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Has ended already, or the test failed.
            child.kill().unwrap_or_default();
        }
    }
}
