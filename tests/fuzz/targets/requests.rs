//! Any bytes on a connection to the REST view: its head, path, query and headers are the sender's.
//!
//! The input is what is sent; the connection's sending side is closed behind it. The view needs [`TOKEN`], and answers to
//! the names of [`is_ours`].

use std::env;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::path::Path;
use std::process;
use std::sync::{Arc, LazyLock};

use roamd::config::{Config, Http, Listen};
use roamd::http::{Server, TokenFile};
use roamd::snapshot::{
    ConfigStatus, ExabgpStatus, History, LibvirtStatus, LibvirtTrust, Snapshot, Timestamp, VmView, What,
};
use roamd::vm::{Presence, Uuid, VmName};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::socket;

const TOKEN: &str = "not-to-be-guessed-2f6c0e9b";

const CONFIG: &str = "\
bgp: {local_as: 65101, next_hop_v6: '2001:db8:1::1'}
http: {hosts: [view.example.net]}
vms:
  web-1: {service_ips: [198.51.100.10, '2001:db8:5::10']}
  'a/b %2F': {service_ips: [198.51.100.64/28]}
";

/// Headers that an answer may have.
const HEADERS: [&str; 14] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "referrer-policy",
    "retry-after",
    "transfer-encoding",
    "www-authenticate",
    "x-content-type-options",
];

struct View {
    runtime: Runtime,
    address: SocketAddr,
    _snapshots: watch::Sender<Arc<Snapshot>>,
}

static VIEW: LazyLock<View> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config::from_bytes(Path::new("/etc/roamd/config.yaml"), CONFIG.into());
    let config = config.unwrap_or_else(|faults| panic!("{faults}"));
    let token = env::temp_dir().join(format!("roamd-fuzz-{}", process::id()));
    fs::write(&token, TOKEN).unwrap();
    let http = Http {
        listen: Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
        token_file: Some(token.clone()),
        hosts: config.http.hosts.clone(),
    };
    let (sender, snapshots) = watch::channel(Arc::new(snapshot(config)));
    let server = runtime
        .block_on(async { Server::bind(&http, "kvm1.example.net", Arc::new(TokenFile::default())) })
        .unwrap();
    fs::remove_file(token).unwrap();
    let address = server.local_addr().unwrap();
    runtime.spawn(server.run(snapshots, std::future::pending()));
    View { runtime, address, _snapshots: sender }
});

fn snapshot(config: Config) -> Snapshot {
    let at = Timestamp("2026-03-01T08:00:00Z".parse().unwrap());
    let name = VmName::new("web-1");
    let mut events = History::default();
    for to in [Presence::Incoming, Presence::Arrived, Presence::Present] {
        let (uuid, cause) = (Uuid::from_u128(1), "resumed/migrated".to_owned());
        events.push(
            at,
            Some(name.clone()),
            None,
            What::Presence { uuid, managed: true, from: None, to, cause },
        );
    }
    let vm = VmView {
        name: name.clone(),
        uuid: Some(Uuid::from_u128(1)),
        managed: true,
        presence: Presence::Present,
        preference: None,
        state: Some("running"),
        reason: None,
        since: Some(at),
        cause: None,
        domain: Some(name.clone()),
        service_ips: vec!["198.51.100.10".to_owned()],
        routes: Vec::new(),
        last_migration: None,
    };
    Snapshot {
        generation: 7,
        host: "kvm1.example.net".into(),
        started_at: at,
        config_status: ConfigStatus {
            path: "/etc/roamd/config.yaml".to_owned(),
            sha256: config.source.sha256.clone(),
            vms_sha256: config.source.vms_sha256.clone(),
            loaded_at: at,
            errors: Vec::new(),
            wait_for_restart: Vec::new(),
        },
        config: Arc::new(config),
        not_ready: Vec::new(),
        libvirt: LibvirtStatus {
            uri: "qemu:///system".to_owned(),
            connected: true,
            since: Some(at),
            version: None,
            error: None,
            trust: LibvirtTrust::Full,
        },
        exabgp: ExabgpStatus {
            transport: "relay",
            connected: true,
            since: Some(at),
            version: None,
            epoch: None,
            neighbors: Vec::new(),
            error: None,
            contradictions: 0,
        },
        tally: Arc::default(),
        conflicts: Arc::default(),
        host_routes: Arc::default(),
        vms: [(name, Arc::new(vm))].into(),
        routes: [].into(),
        events,
        migrations: Arc::default(),
    }
}

pub fn run(data: &[u8]) {
    let View { runtime, address, .. } = &*VIEW;
    let answer = runtime.block_on(exchange(*address, data));
    if !answer.is_empty() {
        check(data, &answer);
    }
}

/// All that is answered, but for what goes on without an end.
async fn exchange(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap().into_std().unwrap();
    let other = stream.try_clone().unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    // The view need not hear all of it.
    let sent = socket::write(&stream, data).await;
    drop((sent, other.shutdown(Shutdown::Write)));
    let mut answer = Vec::new();
    while let Ok(bytes) = socket::read(&stream).await
        && !bytes.is_empty()
    {
        answer.extend(bytes);
        if answer.windows(12).any(|part| part == b"event: hello") {
            break;
        }
    }
    answer
}

/// Checks the first answer.
fn check(data: &[u8], answer: &[u8]) {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("the head of an answer ends");
    let (head, body) = (str::from_utf8(&answer[..end]).unwrap(), &answer[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {head}"));
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").expect("a header")).collect();
    let value = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    for (name, value) in &headers {
        assert!(HEADERS.contains(name) && value.is_ascii(), "{name}: {value}");
    }
    assert!(matches!(status, 200 | 400 | 401 | 404 | 405 | 414 | 421 | 431 | 503), "{head}");
    if matches!(status, 400 | 414 | 431) && value("content-length") == Some("0") {
        return; // hyper's own
    }
    for name in ["cache-control", "content-security-policy", "x-content-type-options"] {
        assert!(value(name).is_some(), "{name} is missing: {head}");
    }
    assert!(status != 405 || value("allow").is_some(), "{head}");
    assert_eq!(value("www-authenticate").is_some(), status == 401, "{head}");
    let kind = value("content-type").unwrap_or_default();
    if status != 200 {
        assert_eq!(kind, "application/problem+json", "an error is a problem document: {head}");
    }
    if !matches!(status, 400 | 421) {
        assert!(is_for_us(data), "answered to a foreign name: {head}");
    }
    if kind.ends_with("json") {
        let has_token = data.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes());
        let is_open = data.windows(6).any(|part| matches!(part, b"health" | b"/ready"));
        assert!(has_token || is_open || status != 200, "answered without the token: {head}");
        let length: usize =
            value("content-length").and_then(|length| length.parse().ok()).expect("its length is known");
        let is_head = data.trim_ascii_start().starts_with(b"HEAD");
        if !is_head {
            let body: serde_json::Value = serde_json::from_slice(&body[..length]).expect("it is JSON");
            assert!(body.is_object());
            assert!(status == 200 || body["status"] == status, "{body}");
        }
    }
}

/// Whether the request's one `Host` header is ours, read by other means than the view's.
fn is_for_us(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut lines =
        text.split('\n').map(|line| line.trim_end_matches('\r')).skip_while(|line| line.is_empty());
    lines.next();
    let head = lines.take_while(|line| !line.is_empty());
    let hosts: Vec<String> = head
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim_matches([' ', '\t']).to_ascii_lowercase())
        .collect();
    matches!(&hosts[..], [host] if is_ours(host))
}

fn is_ours(host: &str) -> bool {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.starts_with(':'));
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<Ipv4Addr>().is_ok()
        || ["localhost", "kvm1", "kvm1.example.net", "view.example.net"].contains(&name)
}
