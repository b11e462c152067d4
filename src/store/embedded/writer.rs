//! The one writer of a store, open or not, and what is lost when it breaks.

use crate::packet::PacketRecord;
#[cfg(test)]
#[cfg(feature = "testing")]
use crate::store::embedded::directory::Faults;
use crate::store::embedded::error::{index_error, io_error};
use crate::store::embedded::folder::{Contents, Folder};
use crate::store::embedded::lock::Queue;
use crate::store::embedded::schema::MadeAs;
use crate::store::embedded::session::{Failure, Session};
use crate::store::{
    AppendOutcome, PruneReport, PruneScope, StoreError, StoreErrorKind, StoreResult,
};

/// The writer, open or not.
#[derive(Debug)]
pub(super) struct Writer {
    folder: Folder,
    session: Option<Session>,
    /// What a store is made as, if there is none yet.
    kind: MadeAs,
    /// Packets that were appended with success and are gone, until a flush has said so: what it
    /// said would be safe is not, whichever call came to know of it first.
    lost: Option<Lost>,
    /// Counts what was done, so that idleness can be seen.
    activity: u64,
}

/// Packets that went with a session that broke, and why it did.
#[derive(Debug)]
struct Lost {
    packets: u64,
    reason: String,
}

impl Writer {
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, session: None, kind: MadeAs::default(), lost: None, activity: 0 }
    }

    /// What a store is made as, if there is none yet.
    pub(super) fn make_as(&mut self, kind: MadeAs) {
        self.kind = kind;
    }

    /// Whether this process holds the writer lock.
    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Whether a flush has something to do, or to say.
    pub(super) fn has_to_flush(&self) -> bool {
        self.session.is_some() || self.lost.is_some()
    }

    #[cfg(test)]
    #[cfg(feature = "testing")]
    pub(super) fn faults(&self) -> Option<&Faults> {
        self.session.as_ref().map(|session| &*session.faults)
    }

    /// Changes with everything that is done.
    pub(super) fn activity(&self) -> u64 {
        self.activity
    }

    /// Opens the store for writing and makes it if need be; `false` when it is another
    /// process's turn.
    pub(super) fn try_open(&mut self, queue: &mut Queue) -> StoreResult<bool> {
        if self.session.is_some() {
            return Ok(true);
        }
        if self.folder.contents()? == Contents::Missing {
            self.folder.create()?;
        }
        let lock = queue
            .try_lock(self.folder.path())
            .map_err(|error| io_error(self.folder.operation("lock"), &error))?;
        let Some(lock) = lock else { return Ok(false) };
        self.session = Some(Session::open(self.folder.clone(), lock, self.kind)?);
        Ok(true)
    }

    /// Appends a batch; see [`crate::store::PacketStore::append`].
    pub(super) fn append(&mut self, batch: &[PacketRecord]) -> StoreResult<AppendOutcome> {
        let operation = self.folder.operation("append to");
        if let Some(lost) = &self.lost {
            return Err(lost.error(&operation));
        }
        self.with_session(&operation, |session| session.append(batch))
    }

    /// Commits what was appended; fails once when some of that is gone.
    pub(super) fn flush(&mut self) -> StoreResult<()> {
        let operation = self.folder.operation("commit to");
        let committed = match self.session {
            Some(_) => self.with_session(&operation, Session::commit),
            None => Ok(()),
        };
        if let Some(lost) = self.lost.take() {
            return Err(lost.error(&operation));
        }
        committed?;
        self.give_way()
    }

    /// Removes packets; see [`crate::store::PacketStore::prune`]. The lock is given back at once,
    /// for an ingest that waits.
    pub(super) fn prune(&mut self, scope: PruneScope) -> StoreResult<PruneReport> {
        let operation = self.folder.operation("prune");
        let report = self.with_session(&operation, |session| session.prune(scope))?;
        self.close_if_idle()?;
        Ok(report)
    }

    /// Removes the store.
    pub(super) fn destroy(&mut self) -> StoreResult<()> {
        self.lost = None;
        let Some(session) = self.session.take() else { return Ok(()) };
        session.destroy()
    }

    /// Gives the lock back when nothing waits to be committed.
    pub(super) fn close_if_idle(&mut self) -> StoreResult<()> {
        match self.session.take() {
            Some(session) if session.uncommitted() == 0 => session.close(),
            session => {
                self.session = session;
                Ok(())
            }
        }
    }

    /// Gives the lock to the process that waits for it.
    fn give_way(&mut self) -> StoreResult<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let awaited = session.lock.is_awaited();
        if awaited.map_err(|error| io_error(self.folder.operation("lock"), &error))? {
            self.session = None;
        }
        Ok(())
    }

    /// Does something with the open session; after an error of the index, what was not
    /// committed is lost and the next call begins anew from the last commit.
    fn with_session<T>(
        &mut self,
        operation: &str,
        action: impl FnOnce(&mut Session) -> Result<T, Failure>,
    ) -> StoreResult<T> {
        self.activity += 1;
        let Some(session) = &mut self.session else {
            let reason = "the store is not open for writing";
            return Err(StoreError::new(StoreErrorKind::Locked, operation, reason));
        };
        let before = session.uncommitted();
        let failure = match action(session) {
            Ok(result) => return Ok(result),
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Broken(error)) => error,
        };
        let mut error = index_error(operation, &failure);
        if error.kind == StoreErrorKind::Other {
            // "A thread died" is explained by what it last met.
            error = session.faults.first(operation).unwrap_or(error);
        }
        self.session = None;
        if before == 0 {
            return Err(error);
        }
        let lost = self.lost.insert(Lost { packets: before, reason: error.reason });
        Err(lost.error(operation))
    }
}

impl Lost {
    /// The same call cannot succeed later, since what was appended before it is gone: so the
    /// error must not look as if it could, even when it is only that the disk was full.
    fn error(&self, operation: &str) -> StoreError {
        let Self { packets, reason } = self;
        let reason = format!(
            "{reason}; {packets} packets that were not flushed yet have to be stored again"
        );
        StoreError::new(StoreErrorKind::Lost, operation, reason)
    }
}
