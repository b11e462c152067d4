//! Several nodes of a cluster: one that is away, or goes away, costs nothing.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use pcap_archiver::query::Query;
use pcap_archiver::store::elasticsearch::ElasticsearchStore;
use pcap_archiver::store::{Access, PacketStore as _, StoreErrorKind, StoreUrl};

use crate::support::{Archive, append, fetch, kind_of, packets};

/// A door of its own to the tests' server, which can be closed as if a node had died.
struct Door {
    port: u16,
    closed: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    fn to(server: &StoreUrl) -> Self {
        let address = server.to_string();
        let address = address.rsplit('/').next().unwrap().replace("localhost", "127.0.0.1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = Self {
            port: listener.local_addr().unwrap().port(),
            closed: Arc::default(),
            open: Arc::default(),
        };
        let (closed, open) = (door.closed.clone(), door.open.clone());
        thread::spawn(move || {
            for inside in listener.incoming().map(Result::unwrap) {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let outside = TcpStream::connect(&address).unwrap();
                let pair = [inside, outside];
                open.lock().unwrap().extend(pair.iter().map(|end| end.try_clone().unwrap()));
                pump(&pair[0], &pair[1]);
                pump(&pair[1], &pair[0]);
            }
        });
        door
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Breaks every connection, and lets none in.
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the listener, which then is gone.
        TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        for end in self.open.lock().unwrap().drain(..) {
            // Those that have ended already cannot be ended again.
            end.shutdown(Shutdown::Both).ok();
        }
    }
}

fn pump(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // Ends with the connection, in whichever way.
        io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Both).ok();
    });
}

async fn open(nodes: &[String], access: &Access) -> ElasticsearchStore {
    let url = StoreUrl::parse(&nodes.join(",")).unwrap();
    ElasticsearchStore::open(&url, access).await.unwrap()
}

#[tokio::test]
async fn a_node_that_is_away_is_passed_over() {
    let archive = Archive::set_up("nodes-away").await;
    let away = "https://127.0.0.1:9".to_owned();
    let nodes = [away.clone(), archive.server.url.to_string(), away.clone()];
    let publish = open(&nodes, &archive.key_access("publish")).await;
    assert_eq!(append(&publish, &packets("away.pcap", 7)).await.stored, 7);
    publish.flush().await.unwrap();
    let read = open(&nodes, &archive.key_access("read")).await;
    assert_eq!(fetch(&read, &Query::all()).await.unwrap().len(), 7);

    let nobody = open(&[away.clone(), away], &archive.key_access("read")).await;
    assert_eq!(kind_of(nobody.count(&Query::all()).await), StoreErrorKind::Unreachable);
    archive.destroy().await;
}

#[tokio::test]
async fn a_node_that_goes_away_costs_no_packet() {
    let archive = Archive::set_up("nodes-gone").await;
    let doors = [Door::to(&archive.server.url), Door::to(&archive.server.url)];
    let nodes = doors.each_ref().map(Door::url);
    let publish = open(&nodes, &archive.key_access("publish")).await;
    let read = open(&nodes, &archive.key_access("read")).await;
    assert_eq!(append(&publish, &packets("before.pcap", 5)).await.stored, 5);
    publish.flush().await.unwrap();
    assert_eq!(read.count(&Query::all()).await.unwrap(), 5);
    let connections = doors[1].open.lock().unwrap().len();
    assert_eq!(connections, 0, "the second node is asked only when the first is away");

    doors[0].close();
    assert_eq!(append(&publish, &packets("after.pcap", 6)).await.stored, 6);
    publish.flush().await.unwrap();
    assert_eq!(fetch(&read, &Query::all()).await.unwrap().len(), 11);
    assert!(!doors[1].open.lock().unwrap().is_empty(), "the second node has answered");
    archive.destroy().await;
}
