//! The programs that pkv runs: the bundled server, and the module that gives it JSON commands.

use std::path::{Path, PathBuf};

use super::{ConfigError, Vars};

/// The module's file, as cargo names a library `pkv_json`.
const JSON_MODULE: &str =
    if cfg!(target_os = "macos") { "libpkv_json.dylib" } else { "libpkv_json.so" };

/// The server program that was named, or that is on the PATH.
pub(super) fn server(vars: &Vars) -> Result<Option<PathBuf>, ConfigError> {
    let on_path = |name: &str| {
        std::env::split_paths(vars.get("PATH").unwrap_or_default())
            .map(|dir| dir.join(name))
            .find(|path| path.is_file())
    };
    match vars.get("PKV_REDIS_SERVER") {
        Some(named) => {
            let path =
                if named.contains('/') { Some(PathBuf::from(named)) } else { on_path(named) };
            path.filter(|path| path.is_file()).map(Some).ok_or_else(|| {
                let fault = format!("{named:?} is not a program");
                ConfigError::new("PKV_REDIS_SERVER", fault, "/usr/bin/redis-server")
            })
        }
        None => Ok(["redis-server", "valkey-server"].into_iter().find_map(on_path)),
    }
}

/// The module that was named, or that lies where the build or the image puts it; `None` if there is
/// none or none is wanted.
pub(super) fn json_module(vars: &Vars) -> Result<Option<PathBuf>, ConfigError> {
    match vars.get("PKV_JSON_MODULE") {
        Some("off") => Ok(None),
        Some(named) => match Path::new(named).canonicalize() {
            Ok(path) if path.is_file() => Ok(Some(path)),
            _ => {
                let fault = format!("{named:?} is not a file");
                Err(ConfigError::new(
                    "PKV_JSON_MODULE",
                    fault,
                    "/usr/local/lib/pkv/libpkv_json.so, or off",
                ))
            }
        },
        None => Ok(beside_pkv()),
    }
}

/// In pkv's own directory, as built; or in `../lib/pkv`, as installed.
fn beside_pkv() -> Option<PathBuf> {
    let pkv = std::env::current_exe().ok()?;
    let dir = pkv.parent()?;
    [dir.join(JSON_MODULE), dir.join("../lib/pkv").join(JSON_MODULE)]
        .into_iter()
        .find_map(|path| path.canonicalize().ok().filter(|path| path.is_file()))
}
