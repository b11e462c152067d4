//! The archive in Elasticsearch: one document per packet, one index per day, an alias over all.
//!
//! | file | what it does |
//! | --- | --- |
//! | `client`, `nodes` | certificate, credentials, requests, and which node is asked |
//! | `answer` | what the server's errors mean |
//! | `archive` | names of the parts, and what setup wrote down |
//! | `partition` | packet time → index |
//! | `setup`, `template`, `keys`, `probe` | template, API keys, and whether they may what they should |
//! | `kibana` | data view, saved search and dashboard |
//! | `bulk`, `buffers`, `write` | packets → bulk requests, and their answers packet by packet |
//! | `dsl`, `search`, `paging`, `ahead`, `page`, `document` | query → pages of documents → packets |
//! | `prune`, `status`, `survey`, `aggregate` | what goes, what is there, of what kinds, how many |

mod aggregate;
mod ahead;
mod answer;
mod archive;
mod buffers;
mod bulk;
mod client;
mod document;
mod dsl;
mod keys;
mod kibana;
mod nodes;
mod numbers;
mod page;
mod paging;
mod partition;
mod plan;
mod ports;
mod probe;
mod prune;
mod search;
mod setup;
mod status;
mod survey;
mod template;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use self::archive::Archive;
use self::client::Client;
use self::write::Writer;
use crate::packet::{PacketRecord, StoredPacket, Timestamp};
use crate::query::Query;
use crate::store::{
    Access, AppendOutcome, Backend, Breakdown, Counts, Estimate, Explanation, PacketStore,
    PruneReport, PruneScope, SetupOptions, SetupReport, Slice, StoreResult, StoreStatus, StoreUrl,
    Survey,
};

/// `http://HOST:9200`
pub const HTTP: Backend = Backend { scheme: "http", open };
/// `https://HOST:9200`
pub const HTTPS: Backend = Backend { scheme: "https", open };

fn open(url: StoreUrl, access: Access) -> BoxFuture<'static, StoreResult<Arc<dyn PacketStore>>> {
    Box::pin(async move {
        let store = ElasticsearchStore::open(&url, &access).await?;
        Ok(Arc::new(store) as Arc<dyn PacketStore>)
    })
}

/// An archive on an Elasticsearch server, used with one caller's credentials.
#[derive(Debug)]
pub struct ElasticsearchStore {
    client: Client,
    /// Kept for the setup, which speaks to Kibana as the same caller.
    access: Access,
    archive: Archive,
    writer: Writer,
}

impl ElasticsearchStore {
    /// Nothing is sent to the server yet.
    ///
    /// # Errors
    /// When the certificate cannot be read, or key or index name cannot be one.
    pub async fn open(url: &StoreUrl, access: &Access) -> StoreResult<Self> {
        let archive = Archive::new(&access.index)?;
        let client = Client::new(url, access).await?;
        Ok(Self { client, access: access.clone(), archive, writer: Writer::default() })
    }
}

#[async_trait]
impl PacketStore for ElasticsearchStore {
    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport> {
        let mut report = setup::setup(&self.client, &self.archive, options).await?;
        if let Some(kibana) = &options.kibana {
            let layout = self.archive.layout(&self.client).await?;
            let steps = kibana::setup(&self.access, &self.archive, layout, kibana).await?;
            report.steps.extend(steps);
        }
        Ok(report)
    }

    async fn check(&self) -> StoreResult<()> {
        self.archive.meta(&self.client).await?.partitions(&self.archive).map(|_| ())
    }

    async fn identity(&self) -> StoreResult<String> {
        let meta = self.archive.meta(&self.client).await?;
        Ok(format!("archive {}, set up {}", self.archive.name, meta.set_up))
    }

    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        self.writer.append(&self.client, &self.archive, batch).await
    }

    async fn flush(&self) -> StoreResult<()> {
        self.writer.flush(&self.client, &self.archive).await
    }

    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        search::fetch(self.client.clone(), self.archive.clone(), query)
    }

    async fn count(&self, query: &Query) -> StoreResult<u64> {
        search::count(&self.client, &self.archive, query).await
    }

    async fn aggregate(&self, query: &Query, what: Breakdown) -> StoreResult<Option<Counts>> {
        aggregate::aggregate(&self.client, &self.archive, query, what).await
    }

    async fn survey(&self, query: &Query) -> StoreResult<Survey> {
        survey::survey(&self.client, &self.archive, query).await
    }

    async fn estimate(&self, query: &Query) -> StoreResult<Estimate> {
        search::estimate(&self.client, &self.archive, query).await
    }

    async fn explain(&self, query: &Query) -> StoreResult<Explanation> {
        search::explain(&self.client, &self.archive, query).await
    }

    async fn slices(&self, _: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        prune::slices(&self.client, &self.archive).await
    }

    async fn prune(&self, scope: PruneScope) -> StoreResult<PruneReport> {
        prune::prune(&self.client, &self.archive, scope).await
    }

    async fn status(&self) -> StoreResult<StoreStatus> {
        status::status(&self.client, &self.archive).await
    }

    async fn destroy(&self) -> StoreResult<()> {
        setup::destroy(&self.client, &self.archive).await
    }
}
