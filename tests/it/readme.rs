//! The README says what the code does.

use pcap_archiver::document::fields::{FIELDS, Field};

const README: &str = include_str!("../../README.md");

/// A field's row in the README.
fn row(field: &Field) -> String {
    let kind = field.kind.name();
    let list = if field.many { " list" } else { "" };
    let kept = if field.indexed { "" } else { ", not searchable" };
    format!("| `{}` | {kind}{list}{kept} | {} |", field.name, field.description)
}

#[test]
fn every_stored_field_is_in_the_table() {
    let expected: Vec<String> = FIELDS.iter().map(row).collect();
    let from_first = README.lines().skip_while(|line| !line.starts_with("| `@timestamp`"));
    let found: Vec<&str> = from_first.take_while(|line| line.starts_with('|')).collect();
    assert!(found == expected, "the table must be:\n{}", expected.join("\n"));
}

#[test]
fn every_variable_of_the_help_is_in_the_table() {
    let sandbox = crate::support::Sandbox::embedded();
    let commands = ["setup", "ingest", "fetch", "serve", "up", "user", "prune", "status", "verify"];
    for command in commands {
        let help = sandbox.ok(&[command, "--help"]);
        for part in help.split("[env: ").skip(1) {
            let name = part.split(['=', ']']).next().unwrap();
            assert!(README.contains(&format!("`{name}`")), "{name} is not in the README");
        }
    }
}
