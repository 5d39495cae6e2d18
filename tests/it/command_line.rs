//! What pkv does besides serving: `pkv env`, `pkv healthcheck`, `pkv exec`, and what it takes for a
//! mistake.

mod env;
mod exec;
mod healthcheck;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::start::{Ended, run_to_end};
use crate::support::Pkv;

/// Longest time for anything here.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs pkv with these arguments to its end.
async fn pkv(dir: &Path, arguments: &[&str], vars: &[(&str, &str)]) -> Ended {
    run_to_end(Pkv::command(dir, vars).args(arguments), LIMIT).await
}

#[tokio::test]
async fn help_names_every_subcommand_and_mistakes_end_with_64() {
    let dir = TempDir::new().unwrap();
    let help = pkv(dir.path(), &["--help"], &[]).await;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for name in ["serve", "exec", "env", "healthcheck", "backup", "restore", "PKV_DATA_DIR"] {
        assert!(help.stdout.contains(&format!("\n  {name} ")), "{name} in\n{}", help.stdout);
    }
    let version = pkv(dir.path(), &["--version"], &[]).await;
    assert_eq!(version.stdout, format!("pkv {}\n", env!("CARGO_PKG_VERSION")));
    for (arguments, why) in [
        (&["restart"] as &[&str], "pkv: unrecognized subcommand 'restart'"),
        (&["restor"], "a similar subcommand exists: 'restore'"),
        (&["serve", "now"], "pkv: unexpected argument 'now'"),
        (&["backup"], "<FILE>"),
        (&["restore", "a", "b"], "pkv: unexpected argument 'b'"),
        (&["backup", "a", "--froce"], "pkv: unexpected argument '--froce'"),
        (&["env", "--format", "yaml"], "[possible values: dotenv, shell, json, github]"),
        (&["exec"], "<COMMAND>..."),
        (&["exec", "--dta", "d", "--", "true"], "pkv: unexpected argument '--dta'"),
    ] {
        let ended = pkv(dir.path(), arguments, &[]).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}");
        assert!(ended.stderr.contains(why), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("--help"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
}
