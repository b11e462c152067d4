//! The Elasticsearch of the environment.

use std::env;
use std::error::Error;
use std::fs;

use reqwest::{Certificate, Client};

/// Its address, and a client that trusts it.
pub(super) fn of_environment() -> Result<(String, Client), Box<dyn Error>> {
    let url =
        env::var("ELASTICSEARCH_URL").map_err(|error| format!("ELASTICSEARCH_URL: {error}"))?;
    let mut client = Client::builder().no_proxy();
    if let Some(certificate) = env::var_os("ELASTICSEARCH_CA_CERT") {
        client = client.add_root_certificate(Certificate::from_pem(&fs::read(certificate)?)?);
    }
    Ok((url, client.build()?))
}
