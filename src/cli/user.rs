use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, UsageError, output};
use crate::store::Secret;
use crate::web::access::Users;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver user add anna --users /etc/pcap-archiver/users
  pcap-archiver user list --users /etc/pcap-archiver/users
  pcap-archiver user remove anna --users /etc/pcap-archiver/users")]
pub(super) struct UserArgs {
    #[command(subcommand)]
    action: Action,
    /// File of the users; only its owner may read it
    #[arg(long, global = true, value_name = "FILE", env = "PCAP_ARCHIVER_USERS")]
    users: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user; the password is asked for, or in --password-file, or the first line of standard
    /// input
    Add {
        /// Name to log in with
        name: String,
    },
    /// Print the names
    List,
    /// Remove a user; sessions of this name end, downloads that have begun do not
    Remove {
        /// Name of the user
        name: String,
    },
}

impl UserArgs {
    pub(super) fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let path = self.users.ok_or_else(|| UsageError("give --users FILE".into()))?;
        let mut users = Users::read_or_new(&path).context("read users")?;
        match self.action {
            Action::Add { name } => {
                let password = match store.password_of_nobody()? {
                    Some(password) => password,
                    None => ask()?,
                };
                users.add(&name, &password).context("add user")?;
                users.write(&path).context("write users")?;
            }
            Action::List => {
                for name in users.names() {
                    output::line(name)?;
                }
            }
            Action::Remove { name } => {
                users.remove(&name).context("remove user")?;
                users.write(&path).context("write users")?;
            }
        }
        Ok(Ended::Done)
    }
}

/// Asks twice without an echo on a terminal; takes the first line of anything else.
fn ask() -> anyhow::Result<Secret> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("read password")?;
        return Ok(Secret::new(line.trim_end_matches(['\r', '\n'])));
    }
    let password = rpassword::prompt_password("Password: ").context("read password")?;
    let again = rpassword::prompt_password("Once more: ").context("read password")?;
    anyhow::ensure!(password == again, "read password: the two are not the same");
    Ok(Secret::new(password))
}
