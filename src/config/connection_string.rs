//! Redis URLs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use redis::IntoConnectionInfo;

use crate::secret::Secret;

/// A Redis URL that was checked: `redis://`, `rediss://` or `redis+unix://`.
#[derive(Clone)]
pub struct ConnectionString(Arc<redis::ConnectionInfo>);

impl ConnectionString {
    /// Parses a URL as redis-cli and SRH take it; the error says what is wrong without repeating
    /// the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        if !url.contains("://") {
            return Err("has no scheme (redis://, rediss:// or redis+unix://)".into());
        }
        let info = url.into_connection_info().map_err(|error| {
            format!("is not a Redis URL ({})", error.detail().unwrap_or("malformed"))
        })?;
        if let redis::ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
            return Err(
                "asks for TLS without verification (#insecure): not supported; SSL_CERT_FILE \
                        names certificates to trust"
                    .into(),
            );
        }
        // RESP2 always: it gives exactly the shapes that Upstash's REST API returns.
        let resp2 = info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP2);
        Ok(Self(Arc::new(info.set_redis_settings(resp2))))
    }

    /// A Unix socket, with user and password if any, and a database.
    pub fn unix(path: PathBuf, login: Option<(&str, &Secret)>, database: i64) -> Self {
        let mut settings = redis::RedisConnectionInfo::default()
            .set_protocol(redis::ProtocolVersion::RESP2)
            .set_db(database);
        if let Some((user, password)) = login {
            settings = settings.set_username(user).set_password(password.reveal());
        }
        let addr = redis::ConnectionAddr::Unix(path);
        // Infallible: the conversion of an address checks nothing.
        let info = addr.into_connection_info().expect("an address is a connection");
        Self(Arc::new(info.set_redis_settings(settings)))
    }

    /// The same server and database, as another user.
    pub fn as_user(&self, user: &str, password: &Secret) -> Self {
        let settings = self.0.redis_settings().clone();
        let settings = settings.set_username(user).set_password(password.reveal());
        Self(Arc::new((*self.0).clone().set_redis_settings(settings)))
    }

    /// Address, user, password and database.
    pub fn info(&self) -> &redis::ConnectionInfo {
        &self.0
    }

    /// The user that Redis takes pkv for.
    pub fn user(&self) -> &str {
        let user = self.0.redis_settings().username();
        user.filter(|name| !name.is_empty()).unwrap_or("default")
    }

    /// Address and port, if this is plain TCP to this machine as Redis's default user: what the
    /// bundled Redis can stand in for.
    pub fn loopback(&self) -> Option<SocketAddr> {
        let redis::ConnectionAddr::Tcp(host, port) = self.0.addr() else { return None };
        let ip = match host.as_str() {
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            host => host.trim_matches(['[', ']']).parse::<IpAddr>().ok()?,
        };
        (ip.is_loopback() && self.user() == "default").then_some(SocketAddr::new(ip, *port))
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.addr(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_default_user_on_loopback_can_be_the_bundled_redis() {
        let loopback = |url| ConnectionString::parse(url).unwrap().loopback();
        let address = |text: &str| Some(text.parse().unwrap());
        assert_eq!(loopback("redis://127.0.0.1:6379"), address("127.0.0.1:6379"));
        assert_eq!(loopback("redis://:pw@localhost"), address("127.0.0.1:6379"));
        assert_eq!(loopback("redis://127.0.0.2:1/3"), address("127.0.0.2:1"));
        assert_eq!(loopback("redis://[::1]:7"), address("[::1]:7"));
        assert_eq!(loopback("redis://bob:pw@localhost"), None);
        assert_eq!(loopback("rediss://localhost"), None);
        assert_eq!(loopback("redis://redis:6379"), None);
    }
}
