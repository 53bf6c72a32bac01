//! A broker that answers what a test tells it to.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsResponse, RequestHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use velostream_kafka_client::{ApiKey, Config};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) body: Bytes,
}

pub(crate) struct FakeBroker {
    listener: TcpListener,
}

/// Ranges offered: every API from 0 to the version given.
pub(crate) fn versions(offered: &[(ApiKey, i16)]) -> ApiVersionsResponse {
    let range = |(api, max): &(ApiKey, i16)| {
        ApiVersion::default().with_api_key(api.number()).with_min_version(0).with_max_version(*max)
    };
    ApiVersionsResponse::default().with_api_keys(offered.iter().map(range).collect())
}

impl FakeBroker {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn config(&self) -> Config {
        Config { bootstrap_servers: vec![self.addr().to_string()], ..Config::default() }
    }

    /// Accepts a connection and answers its ApiVersions.
    pub(crate) async fn accept(&self, offered: &[(ApiKey, i16)]) -> Served {
        let mut served = self.accept_raw().await;
        let asked = served.read().await;
        assert_eq!(asked.api, ApiKey::ApiVersions.number());
        served.reply(&asked, 0, &versions(offered)).await;
        served
    }

    pub(crate) async fn accept_raw(&self) -> Served {
        let (stream, _) = self.listener.accept().await.unwrap();
        Served { stream }
    }
}

/// One connection, from the broker's side.
pub(crate) struct Served {
    stream: TcpStream,
}

impl Served {
    pub(crate) async fn read(&mut self) -> Arrived {
        self.read_or_end().await.unwrap()
    }

    /// `None` once the client has closed the connection.
    pub(crate) async fn read_or_end(&mut self) -> Option<Arrived> {
        let len = self.stream.read_u32().await.ok()?;
        let mut frame = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut frame).await.ok()?;
        let mut frame = Bytes::from(frame);
        let (api, version) =
            (i16::from_be_bytes([frame[0], frame[1]]), i16::from_be_bytes([frame[2], frame[3]]));
        let key = kafka_protocol::messages::ApiKey::try_from(api).unwrap();
        let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).unwrap();
        Some(Arrived { api, version, correlation: header.correlation_id, body: frame })
    }

    /// Answers `asked` with a response in the request's version; `header_version` 1 has tagged fields.
    pub(crate) async fn reply(&mut self, asked: &Arrived, header_version: i16, response: &impl Encodable) {
        let mut body = BytesMut::new();
        if header_version == 1 {
            body.extend([0]);
        }
        response.encode(&mut body, asked.version).unwrap();
        self.reply_bytes(asked.correlation, &body).await;
    }

    pub(crate) async fn reply_bytes(&mut self, correlation: i32, body: &[u8]) {
        let len = i32::try_from(body.len() + 4).unwrap();
        self.write(&[&len.to_be_bytes()[..], &correlation.to_be_bytes(), body].concat()).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// First string of a body in a version without compact types.
    pub(crate) fn first_string(arrived: &Arrived) -> String {
        let mut body = arrived.body.clone();
        let len = usize::from(body.get_u16());
        String::from_utf8(body[..len].to_vec()).unwrap()
    }
}
