//! What pkv says on stdout once it serves: where it is, and what to paste.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Durability;
use crate::credentials::Credentials;
use crate::secret::Secret;

/// What stands in the banner.
#[derive(Debug)]
pub struct Banner<'a> {
    /// Where clients find pkv.
    pub url: String,
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
        let credentials = Credentials {
            url: self.url.clone(),
            token: self.generated_token.cloned().unwrap_or_else(|| Secret::new("<your token>")),
            readonly_token: None,
            redis_url: None,
        };
        let (url, token) = (&self.url, credentials.token.reveal());
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
        text.push('\n');
        for (name, value) in credentials.variables() {
            let _ = writeln!(text, "{name}={value}");
        }
        let _ = write!(
            text,
            "\ncurl {url}/set/hello/world -H 'Authorization: Bearer {token}'\n\n\
             pkv ready in {} ms\n",
            self.ready_in.as_millis()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_token_is_not_repeated_and_a_generated_one_is() {
        let secret = Secret::new("s3cret");
        let banner = |generated_token| Banner {
            url: "http://localhost:7860".into(),
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
