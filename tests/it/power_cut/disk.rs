//! A folder as a disk has it: what is there while the machine runs, and what is there after the
//! power was cut.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

/// Everything below a folder: relative paths, with the content of files and `None` for folders.
pub type Tree = BTreeMap<String, Option<Vec<u8>>>;

type Number = usize;
type Names = BTreeMap<String, Number>;

/// Which of the changes that nobody made sure of have reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// None: content is there after a sync of its file, a name after a sync of its folder.
    Synced,
    /// As on ext4 and its like: a sync of anything writes the names of everything before it.
    Journal,
    /// All names are there; the content only of files that were synced.
    Names,
    /// Removals, and nothing else.
    Removals,
    /// All names, and half of what was added to each file.
    Halves,
    /// All names and lengths; what was added to a file reads as zeros.
    Zeros,
    /// All of them, as when only the program was killed.
    All,
}

pub const SURVIVORS: [Survivors; 7] = [
    Survivors::Synced,
    Survivors::Journal,
    Survivors::Names,
    Survivors::Removals,
    Survivors::Halves,
    Survivors::Zeros,
    Survivors::All,
];

#[derive(Debug, Clone)]
enum Node {
    File { live: Vec<u8>, synced: Vec<u8> },
    Folder { live: Names, synced: Names, journal: Names },
}

/// A folder with everything below it. The first node is the folder itself.
#[derive(Debug)]
pub struct Disk {
    nodes: Vec<Node>,
}

/// What a sync makes sure of, when it returns.
#[derive(Debug)]
pub struct Synced {
    number: Option<Number>,
    node: Option<Node>,
    folders: Vec<(Number, Names)>,
}

const TOP: Number = 0;

impl Disk {
    /// The folder as it is, all of it safely on disk.
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self { nodes: Vec::new() };
        disk.add(folder);
        disk
    }

    fn add(&mut self, path: &Path) -> Number {
        let number = self.nodes.len();
        if path.is_dir() {
            self.nodes.push(folder(Names::new()));
            let mut names = Names::new();
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let node = self.add(&entry.path());
                names.insert(entry.file_name().into_string().unwrap(), node);
            }
            self.nodes[number] = folder(names);
        } else {
            let content = fs::read(path).unwrap();
            self.nodes.push(Node::File { live: content.clone(), synced: content });
        }
        number
    }

    /// The node at a path, while the machine runs.
    pub fn find(&self, path: &str) -> Option<Number> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(TOP, |number, name| {
            match &self.nodes[number] {
                Node::Folder { live, .. } => live.get(name).copied(),
                Node::File { .. } => None,
            }
        })
    }

    /// The names of the folder of `path`, and the name in it.
    fn place<'a>(&mut self, path: &'a str) -> (&mut Names, &'a str) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let number = self.find(parent).unwrap_or_else(|| panic!("{parent} is not there"));
        match &mut self.nodes[number] {
            Node::Folder { live, .. } => (live, name),
            Node::File { .. } => panic!("{parent} is a file"),
        }
    }

    fn insert(&mut self, path: &str, number: Number) {
        let (names, name) = self.place(path);
        names.insert(name.to_owned(), number);
    }

    pub fn make_folder(&mut self, path: &str) {
        self.nodes.push(Node::Folder {
            live: Names::new(),
            synced: Names::new(),
            journal: Names::new(),
        });
        self.insert(path, self.nodes.len() - 1);
    }

    /// Opens a file that is made if it is not there.
    pub fn make_file(&mut self, path: &str) {
        if self.find(path).is_none() {
            self.nodes.push(Node::File { live: Vec::new(), synced: Vec::new() });
            self.insert(path, self.nodes.len() - 1);
        }
    }

    /// Somebody else has put a file there, which is safe already.
    pub fn arrive(&mut self, path: &str, content: Vec<u8>) {
        let added = self.nodes.len();
        self.nodes.push(Node::File { live: content.clone(), synced: content });
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let number = self.find(parent).unwrap();
        if let Node::Folder { live, synced, journal } = &mut self.nodes[number] {
            for names in [live, synced, journal] {
                names.insert(name.to_owned(), added);
            }
        }
    }

    /// The content of a file that still has a name.
    pub fn content(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        let number = self.find(path)?;
        match &mut self.nodes[number] {
            Node::File { live, .. } => Some(live),
            Node::Folder { .. } => None,
        }
    }

    pub fn remove(&mut self, path: &str) {
        let (names, name) = self.place(path);
        assert!(names.remove(name).is_some(), "{path} is not there");
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        let number = self.find(from).unwrap_or_else(|| panic!("{from} is not there"));
        self.remove(from);
        self.insert(to, number);
    }

    pub fn link(&mut self, from: &str, to: &str) {
        let number = self.find(from).unwrap_or_else(|| panic!("{from} is not there"));
        self.insert(to, number);
    }

    /// A sync of a file or folder begins.
    pub fn begin_sync(&self, path: &str) -> Synced {
        let number = self.find(path);
        let folders = self.nodes.iter().enumerate().filter_map(|(number, node)| match node {
            Node::Folder { live, .. } => Some((number, live.clone())),
            Node::File { .. } => None,
        });
        Synced {
            number,
            node: number.map(|number| self.nodes[number].clone()),
            folders: folders.collect(),
        }
    }

    /// The sync has returned.
    pub fn end_sync(&mut self, sync: Synced) {
        for (number, names) in sync.folders {
            if let Node::Folder { journal, .. } = &mut self.nodes[number] {
                *journal = names;
            }
        }
        let Some(number) = sync.number else { return };
        match (&mut self.nodes[number], sync.node) {
            (Node::File { synced, .. }, Some(Node::File { live, .. })) => *synced = live,
            (Node::Folder { synced, .. }, Some(Node::Folder { live, .. })) => *synced = live,
            _ => panic!("a file became a folder"),
        }
    }

    /// What is there when the power comes back.
    pub fn after_power_cut(&self, survivors: Survivors) -> Tree {
        let mut tree = Tree::new();
        let mut alive = HashSet::new();
        self.mark_alive(TOP, &mut alive);
        self.collect(TOP, "", survivors, &alive, &mut tree);
        tree
    }

    fn mark_alive(&self, number: Number, alive: &mut HashSet<Number>) {
        alive.insert(number);
        if let Node::Folder { live, .. } = &self.nodes[number] {
            for number in live.values() {
                self.mark_alive(*number, alive);
            }
        }
    }

    fn collect(
        &self,
        number: Number,
        path: &str,
        survivors: Survivors,
        alive: &HashSet<Number>,
        tree: &mut Tree,
    ) {
        let (live, synced, journal) = match &self.nodes[number] {
            Node::File { live, synced } => {
                tree.insert(path.to_owned(), Some(content(live, synced, survivors)));
                return;
            }
            Node::Folder { live, synced, journal } => (live, synced, journal),
        };
        if number != TOP {
            tree.insert(path.to_owned(), None);
        }
        let names = match survivors {
            Survivors::Synced | Survivors::Removals => synced,
            Survivors::Journal => journal,
            Survivors::Names | Survivors::Halves | Survivors::Zeros | Survivors::All => live,
        };
        for (name, number) in names {
            let removed = !alive.contains(number) && !live.contains_key(name);
            if removed && survivors == Survivors::Removals {
                continue;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            self.collect(*number, &path, survivors, alive, tree);
        }
    }
}

/// What is left of a file.
fn content(live: &[u8], synced: &[u8], survivors: Survivors) -> Vec<u8> {
    match (survivors, live.strip_prefix(synced)) {
        (Survivors::All, _) => live.to_vec(),
        (Survivors::Halves, Some(added)) => [synced, &added[..added.len() / 2]].concat(),
        (Survivors::Zeros, Some(added)) => [synced, &vec![0; added.len()]].concat(),
        _ => synced.to_vec(),
    }
}

fn folder(names: Names) -> Node {
    Node::Folder { live: names.clone(), synced: names.clone(), journal: names }
}
