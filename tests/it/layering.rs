//! The tree shows the architecture: who may use whom, and which folder owns which crate.

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of `src` and the parts it may use, in the direction that ARCHITECTURE.md draws.
const USES: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "capture", "describe", "document", "explain", "fetch", "folders", "ingest", "logging",
            "packet", "query", "shutdown", "store", "time", "verify", "web",
        ],
    ),
    (
        "web",
        &[
            "capture", "decode", "describe", "document", "fetch", "folders", "packet", "query",
            "store", "time",
        ],
    ),
    ("fetch", &["capture", "decode", "document", "packet", "query", "store"]),
    ("explain", &["fetch", "query", "store"]),
    ("verify", &["capture", "packet", "query", "store"]),
    ("ingest", &["capture", "decode", "folders", "packet", "query", "store", "verify"]),
    ("store", &["document", "folders", "packet", "query"]),
    ("describe", &["packet"]),
    ("time", &["packet"]),
    ("query", &["document", "packet", "time"]),
    ("document", &["packet"]),
    ("decode", &["packet"]),
    ("capture", &["packet"]),
    ("packet", &[]),
    ("logging", &[]),
    ("shutdown", &[]),
    ("folders", &[]),
    ("lib", &[]),
    ("testing", &["decode", "document", "packet", "query", "store"]),
];

/// Crates that belong to one place, by the beginning of the path below `src`.
const OWNERS: &[(&str, &[&str])] = &[
    ("pcap_file", &["capture"]),
    ("byteorder_slice", &["capture"]),
    ("flate2", &["capture"]),
    ("zstd", &["capture", "store/flows"]),
    ("lz4_flex", &["capture"]),
    ("liblzma", &["capture"]),
    ("bzip2", &["capture"]),
    ("etherparse", &["decode"]),
    ("domain", &["decode/application"]),
    ("tls_parser", &["decode/application/tls"]),
    ("x509_parser", &["decode/application/tls"]),
    ("md5", &["decode/application/tls"]),
    ("ring", &["decode/application", "web"]),
    ("tantivy", &["store/embedded"]),
    ("tantivy_fst", &["store/embedded/wildcard.rs"]),
    ("postcard", &["store/embedded", "store/flows"]),
    ("fs4", &["store/embedded"]),
    ("elasticsearch", &["store/elasticsearch", "store/mod.rs"]),
    ("bytesize", &["cli"]),
    ("clap", &["cli", "logging.rs"]),
    ("anyhow", &["cli"]),
    ("indicatif", &["cli"]),
    ("humantime", &["cli", "time.rs"]),
    ("axum", &["web"]),
    ("axum_server", &["web"]),
    ("schemars", &["web"]),
    ("argon2", &["web/access"]),
    ("subtle", &["web/access"]),
    ("rustls", &["web"]),
    ("rpassword", &["cli"]),
    ("walkdir", &["ingest"]),
    ("globset", &["ingest/discover"]),
    ("notify", &["ingest/discover"]),
    ("libc", &["ingest/lease.rs"]),
    ("regex_syntax", &["store/pushdown/text.rs"]),
    ("winnow", &["query"]),
    ("regex", &["query"]),
    ("tikv_jemallocator", &["main.rs"]),
    ("rlimit", &["cli", "ingest/read"]),
    ("rustix", &["ingest"]),
    ("blake3", &["packet"]),
    ("sha1", &["packet"]),
    ("smallvec", &["packet"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Unit tests in files of their own may use what helps them.
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path)
            {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(sources.len() > 30, "the sources were found");
    sources
}

/// Unit tests in files of their own may use what helps them.
fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Code without comments and unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn parts_use_each_other_in_one_direction() {
    for (path, text) in sources() {
        let part = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let part = part.trim_end_matches(".rs");
        let Some((_, allowed)) = USES.iter().find(|(name, _)| *name == part) else {
            panic!("{part} is not in the table of this test, and not in ARCHITECTURE.md");
        };
        for line in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_part = USES.iter().any(|(name, _)| *name == used);
                assert!(
                    !is_part || used == part || allowed.contains(&used.as_str()),
                    "{}: {part} may not use {used}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn each_outside_crate_lives_in_one_place() {
    for (path, text) in sources() {
        let path = path.display().to_string();
        for (name, owners) in OWNERS {
            if owners.iter().any(|owner| path.starts_with(owner)) {
                continue;
            }
            let used = format!("{name}::");
            for line in code(&text) {
                let outside = line.match_indices(&used).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                assert!(!outside, "{path} uses {name}, which belongs to {owners:?}: {line}");
            }
        }
    }
}
