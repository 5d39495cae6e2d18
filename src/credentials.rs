//! What a client needs to reach pkv, under the names that the clients read.
//!
//! | names | read by |
//! |---|---|
//! | `UPSTASH_REDIS_REST_URL`, `…_TOKEN` | `@upstash/redis` and `upstash-redis` (their `fromEnv`, `from_env`) |
//! | `KV_REST_API_URL`, `…_TOKEN`, `…_READ_ONLY_TOKEN` | `@vercel/kv` |
//! | `REDIS_URL` | clients of Redis's own protocol |

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use crate::secret::Secret;

/// Where pkv is, and how to be let in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Of the REST API.
    pub url: String,
    /// May do everything.
    pub token: Secret,
    /// May only read, if there is such a token.
    pub readonly_token: Option<Secret>,
    /// Of the bundled Redis itself, if it listens on a port.
    pub redis_url: Option<String>,
}

/// How the variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `NAME=value`, for `.env` files.
    Dotenv,
    /// `export NAME='value'`, for `eval`.
    Shell,
    /// One object.
    Json,
    /// `NAME=value`, as the file wants it that `$GITHUB_ENV` names.
    Github,
}

impl Credentials {
    /// Names and values.
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let (url, token) = (self.url.as_str(), self.token.reveal());
        let mut all = vec![
            ("UPSTASH_REDIS_REST_URL", url),
            ("UPSTASH_REDIS_REST_TOKEN", token),
            ("KV_REST_API_URL", url),
            ("KV_REST_API_TOKEN", token),
        ];
        let readonly = self.readonly_token.as_ref().map(Secret::reveal);
        all.extend(readonly.map(|token| ("KV_REST_API_READ_ONLY_TOKEN", token)));
        all.extend(self.redis_url.as_deref().map(|url| ("REDIS_URL", url)));
        all
    }

    /// The variables as a text that ends in a line end.
    pub fn render(&self, format: Format) -> String {
        let variables = self.variables();
        match format {
            Format::Json => {
                let object: Map<_, _> = variables
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), Value::from(value)))
                    .collect();
                format!("{:#}\n", Value::from(object))
            }
            Format::Dotenv => lines(&variables, |text, name, value| {
                write!(text, "{name}={}", dotenv_quoted(value))
            }),
            Format::Shell => lines(&variables, |text, name, value| {
                write!(text, "export {name}='{}'", value.replace('\'', r"'\''"))
            }),
            // A value ends with its line and is not quoted; ours have one line.
            Format::Github => lines(&variables, |text, name, value| write!(text, "{name}={value}")),
        }
    }

    /// What has GitHub's runner mask the secrets in the log of a workflow.
    pub fn masks(&self) -> String {
        let tokens = [Some(&self.token), self.readonly_token.as_ref()];
        tokens
            .into_iter()
            .flatten()
            // The runner takes % for the beginning of an escape.
            .map(|token| format!("::add-mask::{}\n", token.reveal().replace('%', "%25")))
            .collect()
    }
}

fn lines(
    variables: &[(&str, &str)],
    write: impl Fn(&mut String, &str, &str) -> fmt::Result,
) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        // Writing into a String cannot fail.
        let _ = write(&mut text, name, value);
        text.push('\n');
    }
    text
}

/// Readers of `.env` files take plain letters as they are, and most of them single quotes literally.
fn dotenv_quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=%,".contains(c);
    match value {
        _ if value.chars().all(is_plain) => value.to_owned(),
        _ if !value.contains('\'') => format!("'{value}'"),
        _ => format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: &str) -> Credentials {
        Credentials {
            url: "http://localhost:7860".into(),
            token: Secret::new(token),
            readonly_token: None,
            redis_url: None,
        }
    }

    #[test]
    fn a_token_of_any_letters_is_quoted_as_each_format_wants_it() {
        for (token, dotenv, shell) in [
            ("N8v_-", "N8v_-", "'N8v_-'"),
            ("a b#c$d", "'a b#c$d'", "'a b#c$d'"),
            (r#"it's "$1\"#, r#""it's \"\$1\\""#, r#"'it'\''s "$1\'"#),
        ] {
            let credentials = credentials(token);
            let line = |format| {
                let text = credentials.render(format);
                text.lines().nth(1).unwrap().split_once("REST_TOKEN=").unwrap().1.to_owned()
            };
            assert_eq!(line(Format::Dotenv), dotenv);
            assert_eq!(line(Format::Shell), shell);
            assert_eq!(line(Format::Github), token);
            let json: Value = serde_json::from_str(&credentials.render(Format::Json)).unwrap();
            assert_eq!(json["KV_REST_API_TOKEN"], token);
            assert_eq!(credentials.masks(), format!("::add-mask::{token}\n"));
        }
    }

    #[test]
    fn what_there_is_besides_has_its_names_too() {
        let credentials = Credentials {
            readonly_token: Some(Secret::new("r")),
            redis_url: Some("redis://127.0.0.1:6379".into()),
            ..credentials("t")
        };
        let text = credentials.render(Format::Dotenv);
        assert!(
            text.ends_with("KV_REST_API_READ_ONLY_TOKEN=r\nREDIS_URL=redis://127.0.0.1:6379\n")
        );
    }
}
