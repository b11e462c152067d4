//! What docker-compose.yml says and what .env.example explains.

use std::collections::BTreeSet;

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const PURGE: &str = include_str!("../../docker-compose.purge.yml");
const EXAMPLE: &str = include_str!("../../.env.example");
const SERVER: &str = include_str!("../server/elasticsearch");

/// Names that come after `mark`.
fn names<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    let end = |rest: &str| rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    text.split(mark).skip(1).map(move |rest| &rest[..end(rest).unwrap_or(rest.len())])
}

#[test]
fn every_setting_is_explained() {
    let used: BTreeSet<&str> = names(COMPOSE, "${").chain(names(PURGE, "${")).collect();
    let explained: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim_start_matches('#'))
        .filter(|name| !name.contains(' '))
        .collect();
    let only_of_compose = BTreeSet::from(["COMPOSE_FILE"]);
    assert_eq!(explained, used.union(&only_of_compose).copied().collect());
}

#[test]
fn the_version_is_the_one_that_is_tested() {
    let tested = SERVER.lines().find_map(|line| line.strip_prefix("version=")).unwrap();
    let images = COMPOSE.matches(&format!("${{STACK_VERSION:-{tested}}}")).count();
    assert_eq!(images, COMPOSE.matches("docker.elastic.co/").count());
    assert!(EXAMPLE.contains(&format!("\nSTACK_VERSION={tested}\n")));
}
