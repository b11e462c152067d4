use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::Ended;
use crate::cli::store_args::StoreArgs;
use crate::cli::web_args::WebArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver serve
  pcap-archiver user add anna --users /etc/pcap-archiver/users
  pcap-archiver serve --listen 0.0.0.0:8443 --auth users --users /etc/pcap-archiver/users \\
      --tls-cert server.crt --tls-key server.key --audit-file /var/log/pcap-archiver/audit
  pcap-archiver --store https://es:9200 --ca-cert ca.crt serve --auth elasticsearch
  curl -s 'http://127.0.0.1:8080/api/v1/summary?q=tcp+port+443&since=1h'
  curl -s 'http://127.0.0.1:8080/api/v1/pcap?q=host+192.0.2.1' | tcpdump -n -r -")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    web: WebArgs,
}

impl ServeArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        self.web.server(store, None).await?.run(quiet, stop).await?;
        Ok(Ended::Done)
    }
}
