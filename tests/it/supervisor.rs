//! Crashes and stops under load: what was acknowledged is there, what could be answered was.

mod crash;
pub mod damaged;
mod full_disk;
mod hung;
mod load;
mod process;
pub mod starting;
mod stop;
mod torn_file;
mod upgrade;
