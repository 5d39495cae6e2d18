//! Crashes and stops under load: what was acknowledged is there, what could be answered was.

mod crash;
mod load;
mod stop;
mod torn_file;
