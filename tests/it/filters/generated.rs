//! Expressions that nobody thought of.

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use tempfile::TempDir;

use super::differential::{all_corpora, compare, only};
use crate::support::expressions::is_plain;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u32..80).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["0xffff", "0x45", "255", "1500", "0x0800", "256"])
            .prop_map(str::to_owned),
    ]
}

fn address() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "192.168.1.103",
        "10.0.0.1",
        "192.168.0.21",
        "203.205.151.162",
        "255.255.255.255",
        "::1",
        "2001:db8::5",
        "fe80::211:25ff:fe82:95b5",
    ])
}

/// A number that follows from the packet. The operators `%` and `^` bind as libpcap's grammar has
/// it, which is what is tested; a division is left out, since constants that are folded to zero
/// are refused by libpcap.
fn arithmetic() -> impl Strategy<Value = String> {
    let protocol = prop::sample::select(vec![
        "ip", "ip6", "tcp", "udp", "icmp", "icmp6", "arp", "ether", "sctp",
    ]);
    let size = prop::sample::select(vec!["", ":1", ":2", ":4"]);
    let leaf = prop_oneof![
        2 => number(),
        1 => Just("len".to_owned()),
        4 => (protocol, 0_u32..44, size).prop_map(|(p, at, size)| format!("{p}[{at}{size}]")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "&", "|", "^", "<<", ">>"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} + {right})")),
            inner.prop_map(|inner| format!("ip[({inner}) & 31]")),
        ]
    })
    // More than this is refused as a shift or as too many registers.
    .prop_filter("libpcap refuses shifts by constants above 31", |text| !text.contains("<<"))
}

fn primitive() -> impl Strategy<Value = String> {
    let direction =
        || prop::sample::select(vec!["", "src ", "dst ", "src or dst ", "src and dst "]);
    let transport = prop::sample::select(vec!["", "tcp ", "udp ", "sctp "]);
    let word = prop::sample::select(vec![
        "ip",
        "ip6",
        "arp",
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "igmp",
        "multicast",
        "broadcast",
        "ip multicast",
        "ip6 multicast",
        "less 100",
        "greater 60",
        "proto 17",
        "ip proto 6",
    ]);
    let relation = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        3 => word.prop_map(str::to_owned),
        2 => (direction(), address()).prop_map(|(d, address)| format!("{d}host {address}")),
        2 => (transport, direction(), 0_u16..500)
            .prop_map(|(transport, d, port)| format!("{transport}{d}port {port}")),
        1 => (0_u16..500, 0_u16..9000).prop_map(|(a, b)| format!("portrange {a}-{b}")),
        3 => (arithmetic(), relation, arithmetic())
            .prop_map(|(left, relation, right)| format!("{left} {relation} {right}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    primitive().prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

/// Generated expressions select from plain packets what tcpdump selects. A failing seed is kept.
#[test]
fn generated_expressions_mean_what_tcpdump_means() {
    let folder = TempDir::new().unwrap();
    let corpora = only(&all_corpora(folder.path()), is_plain);
    let mut corpora: Vec<_> = corpora
        .into_iter()
        .filter(|corpus| [1, 101, 113, 276].contains(&corpus.link_type))
        .collect();
    for corpus in &mut corpora {
        // Every few packets, so that all captures stay in it.
        let mut number = 0;
        let step = corpus.records.len().div_ceil(400);
        corpus.records.retain(|_| {
            number += 1;
            number % step == 0
        });
    }
    let corpora = only(&corpora, |_| true);
    let config = Config {
        cases: 120,
        max_global_rejects: 100_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    runner
        .run(&expression(), |expression| {
            compare(&corpora, folder.path(), &[expression]);
            Ok(())
        })
        .unwrap();
}
