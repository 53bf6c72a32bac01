use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::super::frame::framed;
use super::super::{Action, Api, Cut, Direction, Fate, Observer, ProtocolState, Rule, read_frame};
use super::Proxy;

const LONG: Duration = Duration::from_secs(20);

/// A broker that tells the numbers of the requests that it gets, and answers each with how many came before it.
fn broker() -> (Proxy, Receiver<i32>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::bind(Observer::new()).unwrap();
    proxy.forward_to(listener.local_addr().unwrap().port());
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || serve(&stream, &tell));
        }
    });
    (proxy, told)
}

fn serve(stream: &TcpStream, tell: &Sender<i32>) {
    let mut count = 0_u8;
    while let Ok(Some(frame)) = read_frame(&mut &*stream) {
        let number = frame.get(4..8).unwrap();
        let _nobody_listens = tell.send(i32::from_be_bytes(number.try_into().unwrap()));
        let answer = [number, &[0, 0, 0, 0, 0, 0, count]].concat();
        let _client_is_gone = { stream }.write_all(&framed(&answer));
        count += 1;
    }
}

struct Client(TcpStream);

impl Client {
    fn to(proxy: &Proxy) -> Self {
        Self(TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap())
    }

    /// EndTxn (commit) of the client "me" in version 3.
    fn send(&self, number: i32) {
        let head = [&26_i16.to_be_bytes()[..], &3_i16.to_be_bytes(), &number.to_be_bytes(), b"\0\x02me\0"];
        let frame = [&head.concat()[..], b"\x02t", &[0; 10], &[1, 0]].concat();
        (&self.0).write_all(&framed(&frame)).unwrap();
    }

    /// Number of the request that is answered, and how many came before it.
    fn receive(&self) -> (i32, u8) {
        let frame = read_frame(&mut &self.0).unwrap().unwrap();
        (i32::from_be_bytes(frame[..4].try_into().unwrap()), frame[10])
    }

    fn is_closed(&self) -> bool {
        matches!(read_frame(&mut &self.0), Ok(None) | Err(_))
    }
}

fn rule(direction: Direction, action: Action) -> Rule {
    Rule::new("me", direction, Api::EndTxn, action)
}

#[test]
fn frames_without_a_rule_go_through_in_order() {
    let (proxy, told) = broker();
    let client = Client::to(&proxy);
    (1..=3).for_each(|number| client.send(number));
    assert_eq!((1..=3).map(|_| client.receive()).collect::<Vec<_>>(), [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(told.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(proxy.log("me").iter().all(|passed| passed.fate == Fate::Forwarded));
}

#[test]
fn held_request_reaches_the_broker_although_its_client_has_closed_the_connection() {
    let (proxy, told) = broker();
    let held = proxy.add(rule(Direction::ToBroker, Action::Hold).commits_only().after(1));
    let client = Client::to(&proxy);
    client.send(1);
    assert_eq!(client.receive(), (1, 0));
    client.send(2);
    held.await_fired(LONG).unwrap();
    assert_eq!(held.states(), [ProtocolState::Ending]);
    client.0.shutdown(Shutdown::Both).unwrap();
    drop(client);
    let other = Client::to(&proxy);
    other.send(3);
    assert_eq!(other.receive(), (3, 0));
    held.release();
    assert_eq!(told.iter().take(3).collect::<Vec<_>>(), [1, 3, 2]);
    proxy
        .await_log("me", 1, LONG, |passed| {
            (passed.correlation, passed.direction, passed.error) == (2, Direction::FromBroker, Some(1))
        })
        .unwrap();
}

#[test]
fn doubled_request_reaches_the_broker_twice_and_is_answered_once() {
    let (proxy, told) = broker();
    let doubled = proxy.add(rule(Direction::ToBroker, Action::Double));
    let client = Client::to(&proxy);
    client.send(1);
    client.send(2);
    assert_eq!([client.receive(), client.receive()], [(1, 0), (2, 2)]);
    assert_eq!(told.iter().take(3).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(doubled.fired(), 1);
}

#[test]
fn silent_direction_takes_along_all_that_comes_behind() {
    let (proxy, told) = broker();
    let silent = proxy.add(rule(Direction::ToBroker, Action::Silence).after(1));
    let client = Client::to(&proxy);
    (1..=4).for_each(|number| client.send(number));
    silent.await_fired(LONG).unwrap();
    assert_eq!(client.receive(), (1, 0));
    client.0.shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed(), "nothing but the first is answered");
    drop(proxy);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn lost_reply_leaves_the_broker_with_what_it_did() {
    for action in [Action::Cut, Action::Silence] {
        let (proxy, told) = broker();
        let lost = proxy.add(rule(Direction::FromBroker, action));
        let client = Client::to(&proxy);
        client.send(1);
        lost.await_fired(LONG).unwrap();
        assert_eq!(told.recv_timeout(LONG).unwrap(), 1);
        if action == Action::Silence {
            client.0.shutdown(Shutdown::Write).unwrap();
        }
        assert!(client.is_closed());
    }
}

#[test]
fn replayed_reply_says_what_the_first_one_said_under_the_new_number() {
    let (proxy, _told) = broker();
    let old = proxy.add(rule(Direction::FromBroker, Action::Replay).later());
    let client = Client::to(&proxy);
    for number in [1, 2] {
        client.send(number);
        assert_eq!(client.receive(), (number, u8::try_from(number - 1).unwrap()));
    }
    old.arm();
    client.send(3);
    assert_eq!(client.receive(), (3, 0));
    client.send(4);
    assert_eq!(client.receive(), (4, 3), "only once");
}

#[test]
fn cut_network_delays_until_it_is_mended() {
    let (proxy, told) = broker();
    let client = Client::to(&proxy);
    proxy.cut("me", Cut::FromBroker);
    client.send(1);
    assert_eq!(told.recv_timeout(LONG).unwrap(), 1, "requests get through");
    proxy.cut("me", Cut::Both);
    client.send(2);
    let stranger = Client::to(&proxy);
    let ping = [&18_i16.to_be_bytes()[..], &[0, 0, 0, 0, 0, 9], b"\0\x01x"].concat();
    (&stranger.0).write_all(&framed(&ping)).unwrap();
    assert_eq!(stranger.receive(), (9, 0), "others are not cut off");
    assert_eq!(told.recv_timeout(LONG).unwrap(), 9);
    proxy.heal("me");
    assert_eq!([client.receive(), client.receive()], [(1, 0), (2, 1)]);
}
