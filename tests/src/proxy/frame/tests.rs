use std::io::ErrorKind;

use velostream_kafka_client as client;

use super::{Api, Reply, Request, framed, read_frame};
use crate::load::Random;

fn request(api: i16, version: i16, tagged: bool, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&api.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&77_i32.to_be_bytes());
    frame.extend_from_slice(b"\0\x02me");
    if tagged {
        frame.push(0);
    }
    frame.extend_from_slice(body);
    frame
}

#[test]
fn frames_are_read_one_by_one_until_the_stream_ends_between_two() {
    let bytes = [framed(b"one"), framed(b""), framed(b"three")].concat();
    let mut stream = bytes.as_slice();
    for expected in [&b"one"[..], b"", b"three"] {
        assert_eq!(read_frame(&mut stream).unwrap().unwrap(), expected);
    }
    assert!(read_frame(&mut stream).unwrap().is_none());
}

#[test]
fn frame_cut_short_is_an_error_and_takes_no_memory_on_its_word() {
    for cut in 1..7 {
        let bytes = framed(b"abc");
        let error = read_frame(&mut &bytes[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut}");
    }
    // 100 MiB are announced, none of it comes.
    let error = read_frame(&mut &(100_i32 << 20).to_be_bytes()[..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn frame_of_negative_or_absurd_length_is_refused() {
    for length in [-1, i32::MIN, (100 << 20) + 1, i32::MAX] {
        let error = read_frame(&mut &length.to_be_bytes()[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}");
    }
}

#[test]
fn header_names_api_version_number_and_client() {
    let frame = request(26, 5, true, b"");
    let head = Request::parse(&frame).unwrap().head;
    assert_eq!((head.api, head.version, head.correlation, &*head.client), (Api::EndTxn, 5, 77, "me"));
    let nameless = [&b"\0\x03\0\x01\0\0\0\x05"[..], b"\xff\xff"].concat();
    assert_eq!(&*Request::parse(&nameless).unwrap().head.client, "");
}

#[test]
fn end_txn_says_whether_it_commits_in_every_version() {
    for (version, id) in [(2, &b"\0\x03txn"[..]), (3, b"\x04txn"), (5, b"\x04txn")] {
        for commits in [false, true] {
            let body = [id, &[0; 10], &[u8::from(commits)]].concat();
            let frame = request(26, version, version >= 3, &body);
            let request = Request::parse(&frame).unwrap();
            assert_eq!(request.commits(), Some(commits), "version {version}");
            assert_eq!(request.transactional_id(), Some(&b"txn"[..]));
        }
    }
    assert_eq!(Request::parse(&request(12, 4, true, b"")).unwrap().commits(), None);
}

#[test]
fn produce_outside_a_transaction_has_no_transactional_id() {
    for (version, without, with) in [(8, &b"\xff\xff"[..], &b"\0\x01t"[..]), (12, b"\0", b"\x02t")] {
        let frame = request(0, version, version >= 9, without);
        assert_eq!(Request::parse(&frame).unwrap().transactional_id(), None);
        let frame = request(0, version, version >= 9, with);
        assert_eq!(Request::parse(&frame).unwrap().transactional_id(), Some(&b"t"[..]));
    }
}

#[test]
fn reply_tells_its_error_whole_or_of_the_first_partition_that_has_one() {
    let end = [&77_i32.to_be_bytes()[..], &[0], &[0; 4], &47_i16.to_be_bytes()].concat();
    assert_eq!(Reply::new(&end).correlation(), Some(77));
    assert_eq!(Reply::new(&end).error(Api::EndTxn, 5), Some(47));
    let old = [&77_i32.to_be_bytes()[..], &[0; 4], &51_i16.to_be_bytes()].concat();
    assert_eq!(Reply::new(&old).error(Api::EndTxn, 2), Some(51));
    let partition = |error: i16| [&[0, 0, 0, 1][..], &error.to_be_bytes(), &[0]].concat();
    let commit =
        [&77_i32.to_be_bytes()[..], &[0], &[0; 4], b"\x02\x02t\x03", &partition(0), &partition(22), &[0, 0]]
            .concat();
    assert_eq!(Reply::new(&commit).error(Api::TxnOffsetCommit, 5), Some(22));
    assert_eq!(Reply::new(&commit).error(Api::Fetch, 12), None);
}

#[test]
fn garbage_is_refused_and_never_panics() {
    let mut random = Random::new(5, 5);
    for round in 0..20_000_u64 {
        let mut bytes: Vec<u8> =
            (0..random.below(60)).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        // Half of them with a plausible beginning, so that the fields behind it are met too.
        if round % 2 == 0 && bytes.len() > 12 {
            bytes[0] = 0;
            bytes[1] %= 30;
            bytes[2] = 0;
            bytes[3] %= 13;
            bytes[8] = 0;
            bytes[9] %= 4;
        }
        if let Ok(request) = Request::parse(&bytes) {
            assert!(request.commits().is_none() || request.transactional_id().is_some());
        }
        for api in [Api::EndTxn, Api::TxnOffsetCommit, Api::JoinGroup, Api::ApiVersions] {
            for version in 0..6 {
                let reply = Reply::new(&bytes);
                assert!(bytes.len() > 6 || reply.error(api, version).is_none());
            }
        }
    }
}

/// The proxy has numbers of its own; the client's are the second opinion.
#[test]
fn numbers_and_names_are_those_of_the_client() {
    for known in client::ApiKey::ALL {
        match Api::of(known.number()) {
            Api::Other(number) => assert_eq!(number, known.number()),
            api => assert_eq!(api.to_string(), known.name()),
        }
    }
    let first_flexible = |api| Api::of(api).first_flexible();
    fn of<R: client::Request>() -> (i16, Option<i16>) {
        (R::KEY.number(), Some(R::FLEXIBLE))
    }
    for (number, flexible) in [
        of::<client::Produce>(),
        of::<client::Fetch>(),
        of::<client::ListOffsets>(),
        of::<client::Metadata>(),
        of::<client::OffsetFetch>(),
        of::<client::FindCoordinator>(),
        of::<client::JoinGroup>(),
        of::<client::Heartbeat>(),
        of::<client::LeaveGroup>(),
        of::<client::SyncGroup>(),
        of::<client::InitProducerId>(),
        of::<client::AddPartitionsToTxn>(),
        of::<client::AddOffsetsToTxn>(),
        of::<client::EndTxn>(),
        of::<client::TxnOffsetCommit>(),
    ] {
        assert_eq!(first_flexible(number), flexible, "{}", Api::of(number));
    }
}
