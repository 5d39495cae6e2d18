//! What pkv says on stdout once it serves: where it is, and what to paste.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Durability;
use crate::secret::Secret;

/// What stands in the banner.
#[derive(Debug)]
pub struct Banner<'a> {
    /// Where pkv listens.
    pub address: SocketAddr,
    /// The token, if pkv generated it: one that the user chose is not repeated.
    pub generated_token: Option<&'a Secret>,
    /// What serves the commands.
    pub engine: Engine<'a>,
    /// From the start of the process until now.
    pub ready_in: Duration,
}

/// What serves the commands.
#[derive(Debug)]
pub enum Engine<'a> {
    /// The bundled Redis.
    Bundled {
        /// Its version.
        version: &'a str,
        /// What becomes of the data.
        data: &'a Keeping,
        /// A loopback address that it listens on as well, for clients on this machine.
        also_on: Option<SocketAddr>,
        /// Whether they need a password there.
        needs_password: bool,
    },
    /// Redis servers that run elsewhere.
    External {
        /// How many.
        count: usize,
    },
}

/// What becomes of the data.
#[derive(Debug)]
pub enum Keeping {
    /// Every write is appended to a file.
    AppendOnly {
        /// Where it is.
        dir: PathBuf,
        /// When writes reach the disk.
        durability: Durability,
    },
    /// Whole copies are stored.
    Snapshots {
        /// Where they are.
        dir: PathBuf,
        /// How often.
        interval: Duration,
    },
    /// It is not kept.
    Memory {
        /// Why not.
        why: String,
    },
}

impl Keeping {
    fn render(&self) -> String {
        match self {
            Self::AppendOnly { dir, durability } => {
                format!("  data        {}\n  durability  {}\n", dir.display(), durability.name())
            }
            Self::Snapshots { dir, interval } => format!(
                "  data        {}\n  durability  snapshots, every {} if something has changed, and at the stop\n",
                dir.display(),
                humantime::format_duration(*interval)
            ),
            Self::Memory { why } => format!(
                "  data        IN MEMORY ONLY: {why}\n  durability  none: all data is lost when Redis or pkv ends\n"
            ),
        }
    }
}

impl Banner<'_> {
    /// The lines; the last one is `pkv ready in N ms`.
    pub fn render(&self) -> String {
        let url = format!("http://{}", host_and_port(self.address));
        let token = self.generated_token.map_or("<your token>", |token| token.reveal());
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "pkv {} on {url}", env!("CARGO_PKG_VERSION"));
        match &self.engine {
            Engine::Bundled { version, data, also_on, needs_password } => {
                let _ = writeln!(text, "  redis       {version}");
                text.push_str(&data.render());
                if let Some(address) = also_on {
                    let how =
                        if *needs_password { "with its password" } else { "without a password" };
                    let _ =
                        writeln!(text, "  also on     redis://{address}  (this machine, {how})");
                }
            }
            Engine::External { count } => {
                let _ = writeln!(text, "  redis       external ({count})");
            }
        }
        if self.generated_token.is_some() {
            let _ = writeln!(text, "  token       {token}  (generated; SRH_TOKEN sets your own)");
        }
        let _ = write!(
            text,
            "\nUPSTASH_REDIS_REST_URL={url}\nUPSTASH_REDIS_REST_TOKEN={token}\n\
             KV_REST_API_URL={url}\nKV_REST_API_TOKEN={token}\n\n\
             curl {url}/set/hello/world -H 'Authorization: Bearer {token}'\n\n\
             pkv ready in {} ms\n",
            self.ready_in.as_millis()
        );
        text
    }
}

/// An address that a client on this machine can use.
fn host_and_port(address: SocketAddr) -> String {
    match address {
        address if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
        address => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_token_is_not_repeated_and_a_generated_one_is() {
        let secret = Secret::new("s3cret");
        let banner = |generated_token| Banner {
            address: "[::]:7860".parse().unwrap(),
            generated_token,
            engine: Engine::External { count: 1 },
            ready_in: Duration::from_millis(12),
        };
        assert!(!banner(None).render().contains("s3cret"));
        let text = banner(Some(&secret)).render();
        assert!(text.contains("UPSTASH_REDIS_REST_TOKEN=s3cret\n"));
        assert!(text.contains("UPSTASH_REDIS_REST_URL=http://localhost:7860\n"));
        assert!(text.ends_with("pkv ready in 12 ms\n"));
        assert_eq!(text.matches("pkv ready in").count(), 1);
    }
}
