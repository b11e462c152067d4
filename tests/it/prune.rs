//! Retention with the real binary: what is too old or too much goes, and its space comes back.

use std::fs;
use std::io::{BufRead as _, BufReader};

use crate::support::{Run, Sandbox, of_ages, read_all};
use crate::watch::{signal, start, wait_for_packets};

/// Bytes of all files of the store.
fn on_disk(sandbox: &Sandbox) -> u64 {
    let files = fs::read_dir(sandbox.path("archive")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn last_line(printed: &str) -> &str {
    printed.lines().last().unwrap()
}

#[test]
fn older_than_is_exact_and_what_went_can_come_back() {
    let sandbox = Sandbox::embedded();
    // The last is of a clock that is wrong: nobody knows better, so it is young.
    sandbox.file("a.pcap", &of_ages(&[400, 40, 31, 29, 1, 0, -1000], 1, 100));
    sandbox.ok(&["ingest", "a.pcap"]);
    let printed = sandbox.ok(&["prune", "--older-than", "30d"]);
    assert!(printed.starts_with("removed 3 packets, "), "{printed}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "4\n");
    sandbox.ok(&["fetch", "-w", "left.pcap"]);
    let original = read_all(&sandbox.path("a.pcap"));
    assert_eq!(read_all(&sandbox.path("left.pcap")), original[3..]);

    let printed = sandbox.ok(&["prune", "--older-than", "30d"]);
    assert_eq!(printed, "removed 0 packets, 0 B\n");
    let again = sandbox.ok(&["ingest", "a.pcap"]);
    assert!(again.contains("7 read, 3 stored, 4 already there"), "{again}");
    sandbox.ok(&["verify", "a.pcap"]);
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "7\n");
}

#[test]
fn keep_size_leaves_the_youngest_and_the_disk_gets_its_space_back() {
    let sandbox = Sandbox::embedded();
    let mut captures = Vec::new();
    for (number, age) in (0_u64..8).zip([80, 70, 60, 50, 40, 30, 20, 10]) {
        let name = format!("{number}.pcap");
        captures.push(sandbox.file(&name, &of_ages(&[age; 1000], number + 1, 500)));
    }
    // Old and new packets share segments, in no order.
    for names in [["5.pcap", "0.pcap", "3.pcap"], ["1.pcap", "7.pcap", "4.pcap"]] {
        sandbox.ok(&[&["ingest"], &names[..]].concat());
    }
    sandbox.ok(&["ingest", "6.pcap", "2.pcap"]);
    let full = on_disk(&sandbox);
    assert!(full > 4_000_000, "{full}");

    let limit = full * 45 / 100;
    let printed = sandbox.ok(&["prune", "--keep-size", &limit.to_string()]);
    let left = on_disk(&sandbox);
    assert!(left <= limit && left > limit * 9 / 10, "{left} of {limit}: {printed}");
    let original: Vec<_> = captures.iter().flat_map(|path| read_all(path)).collect();
    sandbox.ok(&["fetch", "-w", "left.pcap"]);
    let found = read_all(&sandbox.path("left.pcap"));
    assert!(original.ends_with(&found), "the youngest {} are left", found.len());
    assert!(found.len() < 3_700 && found.len() > 3_000, "{} of 8000", found.len());
    let removed = original.len() - found.len();
    assert!(last_line(&printed).starts_with(&format!("removed {removed} packets, ")), "{printed}");

    let files: Vec<String> = (0..8).map(|number| format!("{number}.pcap")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let again = sandbox.ok(&[&["ingest"], &files[..]].concat());
    let expected = format!("8000 read, {removed} stored, {} already there", found.len());
    assert!(last_line(&again).contains(&expected), "{again}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "8000\n");
}

#[test]
fn both_limits_hold() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &of_ages(&[50, 40, 20, 10], 1, 100_000));
    sandbox.ok(&["ingest", "a.pcap"]);
    let prune = |age: &str, size: &str| {
        sandbox.ok(&["prune", "--older-than", age, "--keep-size", size, "--dry-run"])
    };
    let (old, much) = (prune("30d", "1GB"), prune("60d", "250KB"));
    assert!(last_line(&old).starts_with("would remove 2 packets"), "{old}");
    assert!(last_line(&much).starts_with("would remove 2 packets"), "{much}");
    let both = prune("45d", "250KB");
    let fates: Vec<&str> = both.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert!(fates[1].starts_with("goes: captured before "), "{both}");
    assert!(fates[2].starts_with("goes: from here on there are "), "{both}");
    assert_eq!(fates[3], "stays: within the limits", "{both}");
    assert_eq!(fates.len(), 5, "{both}");
    sandbox.ok(&["prune", "--older-than", "45d", "--keep-size", "250KB"]);
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "2\n");
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &of_ages(&[50, 40, 20, 10], 1, 1000));
    sandbox.ok(&["ingest", "a.pcap"]);
    let files = || {
        let files = fs::read_dir(sandbox.path("archive")).unwrap();
        let mut files: Vec<_> = files
            .map(|file| file.unwrap())
            .map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    for scope in [
        &["--older-than", "30d"][..],
        &["--keep-size", "1"],
        &["--all"],
        &["--older-than", "1y", "--keep-size", "1TB"],
    ] {
        let printed = sandbox.ok(&[&["prune", "--dry-run"], scope].concat());
        assert!(last_line(&printed).starts_with("would remove "), "{printed}");
        assert_eq!(files(), before, "{scope:?}");
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "4\n");
}

#[test]
fn limits_come_from_the_environment_too() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &of_ages(&[50, 40, 20, 10], 1, 1000));
    sandbox.ok(&["ingest", "a.pcap"]);
    let run = |name: &str, value: &str| {
        let mut command = sandbox.command(&["prune"]);
        command.env("PCAP_ARCHIVER_PRUNE_OLDER_THAN", "30d");
        command.env("PCAP_ARCHIVER_PRUNE_KEEP_SIZE", "1TB");
        command.env("PCAP_ARCHIVER_PRUNE_DRY_RUN", "true").env(name, value);
        Run::from(command.output().unwrap())
    };
    // Where a service has been set up, a look at what it does must not stay.
    let dry = run("PCAP_ARCHIVER_PRUNE_EVERY", "1h");
    assert_eq!(dry.code, Some(0), "{dry}");
    assert!(dry.stdout.ends_with(b" would stay\n"), "{dry}");
    let pruned = run("PCAP_ARCHIVER_PRUNE_DRY_RUN", "false");
    assert!(pruned.stdout.starts_with(b"removed 2 packets, "), "{pruned}");
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &of_ages(&[50, 40, 20, 10], 1, 1000));
    sandbox.ok(&["ingest", "a.pcap"]);
    for arguments in [
        &[][..],
        &["--yes"],
        &["--dry-run"],
        &["--every", "1h", "--dry-run"],
        &["--keep-size", "12XB"],
        &["--keep-size", "-1GB"],
        &["--keep-size", "0"],
        &["--older-than", "yesterday"],
        &["--older-than", "0s"],
        &["--older-than", "30"],
        &["--all", "--older-than", "30d"],
        &["--all", "--keep-size", "1GB"],
        &["--all", "--yes", "--every", "1h"],
        &["--older-than", "30d", "--every", "0s"],
    ] {
        let run = sandbox.run(&[&["prune"], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {run}");
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "4\n");
    let missing = sandbox.run(&["--store", "nowhere", "prune", "--older-than", "30d"]);
    assert_eq!(missing.code, Some(1), "{missing}");
    assert!(missing.stderr.contains("hint: run `pcap-archiver setup`"), "{missing}");
}

/// It may come up before its store, and lives through rounds that fail.
#[test]
fn a_resident_prune_goes_on_until_it_is_told_to_stop() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &of_ages(&[50, 40, 20, 10], 1, 1000));
    let arguments = ["--log-format", "json", "prune", "--older-than", "30d", "--every", "100ms"];
    let mut child = start(&sandbox, &arguments);
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = stderr.next().unwrap().unwrap();
    assert!(first.contains(r#""level":"ERROR""#), "there is no store yet: {first}");
    assert!(first.contains("will try again"), "{first}");

    sandbox.ok(&["ingest", "a.pcap"]);
    wait_for_packets(&sandbox, "2");
    sandbox.ok(&["ingest", "a.pcap"]);
    wait_for_packets(&sandbox, "2");
    signal(&child, "-TERM");
    let lines: Vec<String> = stderr.map(Result::unwrap).collect();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.as_slice()), (Some(0), &b""[..]), "{run}");
    let rounds = lines.iter().filter(|line| line.contains(r#""message":"pruned""#));
    let removed = rounds.filter(|line| line.contains(r#""packets":2,"#)).count();
    assert_eq!(removed, 2, "{lines:?}");
}

/// As in a container whose settings name the variables without a value.
#[test]
fn a_resident_prune_without_a_limit_removes_nothing() {
    let sandbox = Sandbox::with(&[
        ("PCAP_ARCHIVER_STORE", "archive"),
        ("PCAP_ARCHIVER_PRUNE_OLDER_THAN", ""),
        ("PCAP_ARCHIVER_PRUNE_KEEP_SIZE", ""),
    ]);
    sandbox.file("a.pcap", &of_ages(&[9000, 10], 1, 1000));
    sandbox.ok(&["ingest", "a.pcap"]);
    let mut child = start(&sandbox, &["prune", "--every", "10ms"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = stderr.next().unwrap().unwrap();
    assert!(said.contains("nothing will be removed"), "{said}");
    signal(&child, "-TERM");
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(stderr.all(|line| !line.unwrap().contains("pruned")), "no round was made");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "2\n");
}

/// They take turns; nothing young is lost, nothing is there twice, and nothing old is left.
#[test]
fn prune_and_a_watching_ingest_share_the_store() {
    let sandbox = Sandbox::embedded();
    fs::create_dir(sandbox.path("captures")).unwrap();
    let watch = ["ingest", "--watch", "captures", "--settle", "100ms", "--poll", "20ms"];
    let watch = start(&sandbox, &watch);
    let prune = start(&sandbox, &["prune", "--older-than", "30d", "--every", "100ms"]);
    for number in 0..4 {
        let ages: Vec<i64> = (0..500).map(|packet| if packet % 2 == 0 { 60 } else { 5 }).collect();
        let name = format!("captures/{number}.pcap");
        sandbox.file(&name, &of_ages(&ages, number + 1, 200));
        wait_for_packets(&sandbox, &((number + 1) * 250).to_string());
    }
    for child in [&watch, &prune] {
        signal(child, "-TERM");
    }
    let watch = Run::from(watch.wait_with_output().unwrap());
    assert_eq!(watch.code, Some(0), "{watch}");
    let totals = String::from_utf8_lossy(&watch.stdout).into_owned();
    assert!(last_line(&totals).starts_with("total: 2000 read, 2000 stored"), "{watch}");
    let prune = Run::from(prune.wait_with_output().unwrap());
    assert_eq!(prune.code, Some(0), "{prune}");
    let rounds = prune.stderr.lines().skip_while(|line| line.contains("ERROR cannot prune"));
    assert!(
        rounds.clone().all(|line| !line.contains("ERROR")),
        "none but before the store: {prune}"
    );
    assert!(rounds.count() > 1, "{prune}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "1000\n");
    let removed = sandbox.ok(&["prune", "--older-than", "30d"]);
    assert_eq!(removed, "removed 0 packets, 0 B\n");
}
