//! Which server answers, and what it can do.

use std::fmt;

pub mod commands;

/// A release: major and minor number.
pub type Release = (u16, u16);

/// The first releases that can do something; `None`: none can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Of Redis.
    pub redis: Option<Release>,
    /// Of Valkey.
    pub valkey: Option<Release>,
}

/// A server's make and release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Engine {
    /// Redis, with its whole version.
    Redis(Release, String),
    /// Valkey, with its whole version.
    Valkey(Release, String),
    /// It does not say.
    #[default]
    Unknown,
}

impl Engine {
    /// Reads the answer to `INFO server`. Valkey calls itself Redis 7.2.4 there for the sake of old
    /// clients, and says what it is in lines of its own.
    pub fn from_info(info: &str) -> Self {
        let value = |name: &str| {
            info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
        };
        value("valkey_version")
            .and_then(|version| Self::made(Self::Valkey, version))
            .or_else(|| value("redis_version").and_then(|version| Self::made(Self::Redis, version)))
            .unwrap_or_default()
    }

    /// Reads the answer to `HELLO`, names and values in turn. Every user may ask that.
    pub fn from_hello<S: AsRef<str>>(fields: &[S]) -> Self {
        let value = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs.find(|pair| pair[0].as_ref() == name).map(|pair| pair[1].as_ref())
        };
        let make = match value("server") {
            Some("valkey") => Self::Valkey,
            Some("redis") => Self::Redis,
            _ => return Self::Unknown,
        };
        value("version").and_then(|version| Self::made(make, version)).unwrap_or_default()
    }

    fn made(make: fn(Release, String) -> Self, version: &str) -> Option<Self> {
        release(version).map(|release| make(release, version.to_owned()))
    }

    /// Whether it certainly cannot do what came with these releases.
    pub fn lacks(&self, since: Since) -> bool {
        match self {
            Self::Redis(release, _) => since.redis.is_none_or(|first| *release < first),
            Self::Valkey(release, _) => since.valkey.is_none_or(|first| *release < first),
            Self::Unknown => false,
        }
    }

    /// The release that brought what came with these, of this server's make if there is one; `None`
    /// if this server came later.
    pub fn release_with(&self, since: Since) -> Option<String> {
        if *self != Self::Unknown && !self.lacks(since) {
            return None;
        }
        let named = |make: &str, release: Option<Release>| {
            release.map(|(major, minor)| format!("{make} {major}.{minor}"))
        };
        let redis = named("Redis", since.redis);
        let valkey = named("Valkey", since.valkey);
        match self {
            Self::Valkey(..) => valkey.or(redis),
            Self::Redis(..) | Self::Unknown => redis.or(valkey),
        }
    }
}

fn release(version: &str) -> Option<Release> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(_, version) => write!(f, "Redis {version}"),
            Self::Valkey(_, version) => write!(f, "Valkey {version}"),
            Self::Unknown => f.write_str("a server that does not say what it is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_what_it_says() {
        let redis =
            Engine::from_info("# Server\r\nredis_version:8.0.2\r\nredis_mode:standalone\r\n");
        assert_eq!(redis, Engine::Redis((8, 0), "8.0.2".into()));
        let valkey = Engine::from_info(
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n",
        );
        assert_eq!(valkey, Engine::Valkey((9, 1), "9.1.2".into()));
        let hello = |server| Engine::from_hello(&["server", server, "version", "9.1.2", "proto"]);
        assert_eq!(hello("valkey"), valkey);
        assert_eq!(hello("redis"), Engine::Redis((9, 1), "9.1.2".into()));
        assert_eq!(hello("else"), Engine::Unknown);
        assert_eq!(Engine::from_info("redis_version:unstable"), Engine::Unknown);
        assert_eq!(Engine::from_info(""), Engine::Unknown);
    }

    #[test]
    fn only_what_is_certain_is_lacking() {
        let since = Since { redis: Some((8, 2)), valkey: None };
        assert!(Engine::Redis((8, 0), "8.0.2".into()).lacks(since));
        assert!(!Engine::Redis((8, 2), "8.2.0".into()).lacks(since));
        assert!(Engine::Valkey((9, 0), "9.0.0".into()).lacks(since));
        assert!(!Engine::Unknown.lacks(since));
    }
}
