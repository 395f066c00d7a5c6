//! A server that accepts every write after a set delay, as cheaply as it can: the other end of `scripts/throughput.py`.
//!
//! `cargo run --release --example answering_server -- 50` prints its base URL and answers after 50 ms.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 26\r\n\r\n{\"success\":true,\"data\":{}}";

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let delay =
        std::env::args().nth(1).and_then(|text| text.parse().ok()).map_or(Duration::ZERO, Duration::from_millis);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/public/v1", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A client that goes away is no error.
            let _ = serve(stream, delay).await;
        });
    }
}

async fn serve(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(length) = whole_request(&buffer) {
            buffer.drain(..length);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            stream.write_all(ANSWER).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// The length of the request at the beginning of the buffer, once it is all there.
fn whole_request(buffer: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
    let mut body = 0;
    for line in buffer[..head].split(|&b| b == b'\n') {
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            body = std::str::from_utf8(&line[15..]).ok()?.trim().parse().ok()?;
        }
    }
    (buffer.len() >= head + body).then_some(head + body)
}
