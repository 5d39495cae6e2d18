//! Little room, said before there is none.

use std::time::Duration;

use super::Machine;
use crate::start::log_says;
use crate::support::{Bucket, eventually};

#[tokio::test]
async fn little_room_is_told_and_so_is_that_there_is_enough_again() {
    let bucket = Bucket::mount();
    bucket.leave_room(63 << 20);
    let machine = Machine::start(bucket.path(), &[]);
    let short = "the disk is nearly full";
    eventually("little room is told", Duration::from_secs(5), async || {
        machine.data().await["warning"] == short && log_says(&machine.pkv, short)
    })
    .await;
    assert_eq!(machine.data().await["free_bytes"], 63 << 20);
    bucket.leave_room(65 << 20);
    eventually("enough room is told", Duration::from_secs(20), async || {
        machine.data().await["warning"].is_null()
            && log_says(&machine.pkv, "the disk has room again")
    })
    .await;
}
