use bytes::BufMut;
use velostream_core::Disposition;

use super::*;
use crate::requests::{Heartbeat, HeartbeatResponse};

fn channel(max_in_flight_bytes: usize) -> Arc<Channel> {
    Channel::new(BrokerId(1), "b:1".into(), max_in_flight_bytes)
}

fn heartbeat(group: &str) -> Frame {
    let request =
        Heartbeat { group: group.to_owned(), generation: 1, member: "m".to_owned(), instance: None };
    Frame::encode(&request, 3, "c").unwrap()
}

fn queue(channel: &Arc<Channel>, group: &str, deadline_s: u64) -> Pending<HeartbeatResponse> {
    match channel.queue::<Heartbeat>(heartbeat(group), Duration::from_secs(deadline_s)) {
        Ok(pending) => pending,
        Err(Refused::Busy(_)) => panic!("busy"),
        Err(Refused::Closed(error)) => panic!("{error}"),
    }
}

fn reply(throttle_ms: i32, code: i16) -> Bytes {
    let mut body = bytes::BytesMut::new();
    body.put_i32(throttle_ms);
    body.put_i16(code);
    body.freeze()
}

#[tokio::test(start_paused = true)]
async fn throttle_delays_the_next_request_and_its_deadline_by_as_much() {
    let channel = channel(1 << 20);
    let first = queue(&channel, "a", 10);
    channel.next_unsent().await;
    channel.reply(0, reply(60_000, 0)).unwrap();
    assert_eq!(first.await.unwrap().throttle, Duration::from_secs(60));

    let start = Instant::now();
    let second = queue(&channel, "b", 10);
    tokio::select! {
        () = channel.overdue() => panic!("the pause must not count against the deadline"),
        _ = channel.next_unsent() => {}
    }
    assert_eq!(start.elapsed().as_secs(), 60);
    channel.reply(1, reply(0, 0)).unwrap();
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn throttle_of_a_reply_that_nobody_awaits_is_honoured() {
    let channel = channel(1 << 20);
    drop(queue(&channel, "a", 10));
    channel.next_unsent().await;
    channel.reply(0, reply(5_000, 0)).unwrap();
    let start = Instant::now();
    let _second = queue(&channel, "b", 10);
    channel.next_unsent().await;
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn overdue_request_times_out_and_the_others_lose_the_connection() {
    let channel = channel(1 << 20);
    let (slow, late) = (queue(&channel, "a", 30), queue(&channel, "b", 5));
    channel.next_unsent().await;
    let start = Instant::now();
    channel.overdue().await;
    channel.expire();
    assert_eq!(start.elapsed().as_secs(), 5);
    let error = slow.await.unwrap_err();
    assert!(matches!(error, Error::Closed { sent: true, .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Reconcile);
    let error = late.await.unwrap_err();
    assert!(matches!(error, Error::Timeout { sent: false, .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test(start_paused = true)]
async fn earlier_deadline_of_a_later_request_wakes_the_watchdog() {
    let channel = channel(1 << 20);
    let watched = Arc::clone(&channel);
    let watchdog = tokio::spawn(async move { watched.overdue().await });
    let _slow = queue(&channel, "a", 300);
    tokio::task::yield_now().await;
    let start = Instant::now();
    let _quick = queue(&channel, "b", 2);
    watchdog.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn answered_requests_are_never_overdue() {
    let channel = channel(1 << 20);
    let watched = Arc::clone(&channel);
    let watchdog = tokio::spawn(async move { watched.overdue().await });
    let first = queue(&channel, "a", 2);
    channel.next_unsent().await;
    channel.reply(0, reply(0, 0)).unwrap();
    first.await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!watchdog.is_finished());
    watchdog.abort();
}

#[tokio::test]
async fn dropped_request_still_consumes_its_own_reply() {
    let channel = channel(1 << 20);
    drop(queue(&channel, "a", 30));
    let second = queue(&channel, "b", 30);
    channel.next_unsent().await;
    channel.next_unsent().await;
    channel.reply(0, reply(0, 25)).unwrap();
    channel.reply(1, reply(0, 27)).unwrap();
    assert_eq!(second.await.unwrap().error.0, 27);
}

#[tokio::test]
async fn reply_out_of_order_or_to_an_unsent_request_is_malformed() {
    let channel = channel(1 << 20);
    let _first = queue(&channel, "a", 30);
    let _second = queue(&channel, "b", 30);
    assert!(channel.reply(0, reply(0, 0)).is_err(), "not sent yet");
    channel.next_unsent().await;
    channel.next_unsent().await;
    assert!(channel.reply(1, reply(0, 0)).is_err(), "not the oldest");
    assert!(channel.reply(7, reply(0, 0)).is_err(), "never asked");
    assert!(channel.reply(0, reply(0, 0)).is_ok());
}

#[tokio::test]
async fn closed_channel_says_for_each_request_whether_it_was_sent() {
    let channel = channel(1 << 20);
    let (first, second) = (queue(&channel, "a", 30), queue(&channel, "b", 30));
    channel.next_unsent().await;
    channel.fail(Broken::Io(io::ErrorKind::ConnectionReset.into()));
    let (first, second) = (first.await.unwrap_err(), second.await.unwrap_err());
    assert!(matches!(first, Error::Io { sent: true, .. }), "{first}");
    assert!(matches!(second, Error::Io { sent: false, .. }), "{second}");
    let after = channel.queue::<Heartbeat>(heartbeat("c"), Duration::from_secs(1));
    assert!(matches!(after, Err(Refused::Closed(Error::Closed { sent: false, .. }))));
}

#[tokio::test]
async fn malformed_frame_blames_the_oldest_request_only() {
    let channel = channel(1 << 20);
    let (first, second) = (queue(&channel, "a", 30), queue(&channel, "b", 30));
    channel.next_unsent().await;
    channel.fail(Broken::Malformed(Malformed { what: "frame", at: 0 }));
    assert!(matches!(first.await, Err(Error::Decode { .. })));
    assert!(matches!(second.await, Err(Error::Closed { sent: false, .. })));
}

#[tokio::test]
async fn answer_that_cannot_be_understood_closes_the_connection() {
    let channel = channel(1 << 20);
    let (first, second) = (queue(&channel, "a", 30), queue(&channel, "b", 30));
    channel.next_unsent().await;
    channel.reply(0, Bytes::from_static(&[0, 0, 0])).unwrap();
    let error = first.await.unwrap_err();
    assert!(matches!(error, Error::Decode { api: Some(ApiKey::Heartbeat), .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Corrupt);
    assert!(channel.is_closed());
    assert!(matches!(second.await, Err(Error::Closed { .. })));
}

#[tokio::test]
async fn request_beyond_the_bound_is_busy_until_a_reply_makes_room() {
    let bytes = heartbeat("a").len();
    let channel = channel(2 * bytes);
    let (_first, _second) = (queue(&channel, "a", 30), queue(&channel, "b", 30));
    assert!(matches!(
        channel.queue::<Heartbeat>(heartbeat("c"), Duration::from_secs(1)),
        Err(Refused::Busy(_))
    ));
    let waiter = Arc::clone(&channel);
    let ready = tokio::spawn(async move { waiter.ready(bytes).await });
    tokio::task::yield_now().await;
    assert!(!ready.is_finished());
    channel.next_unsent().await;
    channel.reply(0, reply(0, 0)).unwrap();
    ready.await.unwrap();
    let _third = queue(&channel, "c", 30);
}

#[tokio::test]
async fn single_request_larger_than_the_bound_passes_alone() {
    let channel = channel(1);
    let first = queue(&channel, "a", 30);
    channel.next_unsent().await;
    channel.reply(0, reply(0, 0)).unwrap();
    first.await.unwrap();
}

#[tokio::test]
async fn correlation_ids_stay_positive_when_they_wrap() {
    let channel = channel(1 << 20);
    channel.lock().next_correlation = i32::MAX;
    let (first, second) = (queue(&channel, "a", 30), queue(&channel, "b", 30));
    channel.next_unsent().await;
    channel.next_unsent().await;
    channel.reply(i32::MAX, reply(0, 1)).unwrap();
    channel.reply(0, reply(0, 2)).unwrap();
    assert_eq!((first.await.unwrap().error.0, second.await.unwrap().error.0), (1, 2));
}
