//! A client of the agent's REST view, down to the bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The REST view at an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) address: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(&self.body).map_err(|error| format!("{error} in {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Rest {
    /// `GET path`, with any status.
    pub(crate) fn get(self, path: &str) -> Result<Response, String> {
        self.request("GET", path, &self.address.to_string())
    }

    /// `GET path`, which must be answered with 200 and JSON.
    pub(crate) fn json(self, path: &str) -> Result<Value, String> {
        let response = self.get(path)?;
        if response.status == 200 { response.json() } else { Err(format!("GET {path}: {response:?}")) }
    }

    /// A request with any method and `Host` header.
    pub(crate) fn request(self, method: &str, path: &str, host: &str) -> Result<Response, String> {
        self.raw(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
    }

    /// Sends these bytes and reads until the agent closes the connection.
    pub(crate) fn raw(self, request: &[u8]) -> Result<Response, String> {
        let exchange = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(request)?;
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                // A server that refuses a request may close before it has read all of it.
                Err(error) if answer.is_empty() => Err(error),
                _ => Ok(answer),
            }
        };
        let answer = exchange().map_err(|error| format!("{}: {error}", self.address))?;
        parse(&String::from_utf8_lossy(&answer))
    }
}

fn parse(answer: &str) -> Result<Response, String> {
    let malformed = || format!("not an HTTP response: {answer:?}");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(malformed)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Response { status, headers, body: body.to_owned() })
}
