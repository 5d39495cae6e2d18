//! How the bundled Redis's data is kept: `PKV_STORAGE`, and what the data directory can hold.

/// One of three ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Redis appends every write to a file in the data directory.
    AppendOnly,
    /// Redis's files are on the local disk; whole copies of the data are stored in the data directory
    /// now and then. For directories in which a file can be created but not appended to.
    Snapshots,
    /// Nothing is stored: the data ends with Redis.
    Memory,
}

impl Storage {
    /// The name in `PKV_STORAGE`, the banner, `/ready` and the logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppendOnly => "append-only",
            Self::Snapshots => "snapshots",
            Self::Memory => "memory",
        }
    }
}

/// `auto` is `None`: whatever the data directory can hold.
pub fn parse_storage(text: &str) -> Result<Option<Storage>, String> {
    let kinds = [Storage::AppendOnly, Storage::Snapshots, Storage::Memory];
    match kinds.into_iter().find(|kind| kind.name() == text) {
        None if text != "auto" => {
            Err(format!("{text:?} is none of auto, append-only, snapshots, memory"))
        }
        kind => Ok(kind),
    }
}
