//! Whoever only holds connections open never keeps a supervisor or a person from being answered (IN-1, OV-1). The
//! network is memory: addresses are what the test says they are.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lineshaft_connect::contract::BoxFuture;
use lineshaft_connect::net::{BoxStream, Inlet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};

use crate::node::{Answer, Running, ask_over, start_at};

/// Connections handed over by the test, each with the address it claims to come from.
struct Memory(Mutex<mpsc::UnboundedReceiver<(DuplexStream, SocketAddr)>>);

impl Inlet for Memory {
    fn accept(&self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            match self.0.lock().await.recv().await {
                Some((stream, peer)) => Ok((Box::new(stream) as BoxStream, peer)),
                None => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address(0))
    }
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 40_000))
}

struct Api {
    running: Running,
    arrive: mpsc::UnboundedSender<(DuplexStream, SocketAddr)>,
}

impl Api {
    async fn open() -> Self {
        let (arrive, arriving) = mpsc::unbounded_channel();
        let running = start_at(Box::new(Memory(Mutex::new(arriving)))).await;
        Self { running, arrive }
    }

    fn connect(&self, from: u8) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        self.arrive.send((theirs, address(from))).unwrap();
        ours
    }

    async fn healthz(&self, from: u8) -> Answer {
        ask_over(self.connect(from), "GET /healthz HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").await
    }
}

#[tokio::test]
async fn a_thousand_open_connections_of_one_address_do_not_keep_another_from_healthz() {
    let api = Api::open().await;
    let mut crowd: Vec<DuplexStream> = (0..1_000).map(|_| api.connect(1)).collect();
    for (at, stream) in crowd.iter_mut().enumerate() {
        // Half of them say nothing, the others never end the head of their request.
        if at % 2 == 0 {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: n").await;
        }
    }
    for from in [2, 3, 1] {
        assert_eq!(api.healthz(from).await.status, 200, "from {from}");
    }
    let mut closed = [0; 1];
    assert!(matches!(crowd[0].read(&mut closed).await, Ok(0)), "the first one gave way");
    api.running.stop().await;
}

#[tokio::test]
async fn many_addresses_together_do_not_either() {
    let api = Api::open().await;
    let _crowd: Vec<DuplexStream> = (0..200).map(|from| api.connect(from)).collect();
    for from in [201, 202, 7] {
        assert_eq!(api.healthz(from).await.status, 200, "from {from}");
    }
    api.running.stop().await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_however_many_come_after_it() {
    let api = Api::open().await;
    let token = &api.running.token;
    let (body, rest) = r#"{"reason":"stocktaking"}"#.split_at(5);
    let head = format!(
        "POST /api/v1/systems/erp/pause HTTP/1.1\r\nhost: node\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len() + rest.len()
    );
    let mut slow = api.connect(1);
    slow.write_all(head.as_bytes()).await.unwrap();
    // Answered after it on the same thread, so the head above has been read.
    assert_eq!(api.healthz(1).await.status, 200);
    let _crowd: Vec<DuplexStream> = (0..500).map(|at: u16| api.connect((at % 3) as u8)).collect();
    assert_eq!(api.healthz(1).await.status, 200);
    let answer = ask_over(slow, rest).await;
    assert!(answer.status == 200 && answer.text.contains("nothing more is sent"), "{answer:?}");
    api.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_too_slowly_is_let_go() {
    let api = Api::open().await;
    let (mut drip, mut idle) = (api.connect(1), api.connect(2));
    drip.write_all(b"GET /healthz HTTP/1.1\r\nhost: n").await.unwrap();
    // One byte every five seconds keeps no connection open.
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = drip.write_all(b"o").await;
    }
    for stream in [&mut drip, &mut idle] {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    }
    assert_eq!(api.healthz(3).await.status, 200);
    drop(api);
}
