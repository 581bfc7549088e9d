//! The whole agent, between a real libvirtd with its test driver and a real kernel.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::in_a_namespace_of_its_own;
use crate::libvirtd::Libvirtd;
use crate::namespace::{host, ip, lines, tap, until, until_lines};
use crate::process::{Process, signal};
use crate::rest::Rest;

const ROAMD: &str = env!("CARGO_BIN_EXE_roamd");

const MAC: &str = "52:54:00:00:00:10";

/// An agent that prints its commands, on a host with a bridge and the VM `web`.
struct Host {
    agent: Process,
    libvirtd: Libvirtd,
    rest: Rest,
    dir: PathBuf,
}

/// A network interface of a VM in libvirt's words.
fn bridged(tap: &str, mac: &str) -> String {
    format!(
        "<interface type='bridge'><mac address='{mac}'/><source bridge='br0'/><target dev='{tap}'/></interface>"
    )
}

impl Host {
    /// Starts libvirtd with `web` behind these interfaces, and the agent; `keys` are more of its configuration.
    fn start(interfaces: &str, keys: &str) -> Self {
        Self::start_as(interfaces, keys, false)
    }

    fn start_as(interfaces: &str, keys: &str, unprivileged: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("roamd-kernel-{}", std::process::id()));
        fs::create_dir(&dir).expect("the directory is new");
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("it is ours");
        let libvirtd = Libvirtd::start(&dir, &[]);
        let rest = Rest { address: SocketAddr::from(([127, 0, 0, 1], 9179)) };
        let host_routes = "{enabled: true, uplinks: [uplink], gateway: {mac: '02:00:00:00:00:01'}}";
        let text = format!(
            "libvirt: {{uri: '{}', read_write: true, resync: 1s}}
bgp:
  local_as: 65101
  next_hop_v6: 2001:db8:1::1
  allowed_prefixes: [198.51.0.0/16, '2001:db8:5::/48']
host_routes: {host_routes}
log: {{level: trace}}
{keys}
",
            libvirtd.uri()
        );
        fs::write(dir.join("config.yaml"), text).expect("it is written");
        let agent = launch(&dir, unprivileged);
        let host = Self { agent, libvirtd, rest, dir };
        host.create(interfaces);
        host
    }

    fn create(&self, interfaces: &str) {
        let xml = format!(
            "<domain type='test'><name>web</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
             <memory unit='MiB'>128</memory><os><type>hvm</type></os><devices>{interfaces}</devices></domain>"
        );
        let path = self.dir.join("web.xml");
        fs::write(&path, xml).expect("it is written");
        self.libvirtd.virsh(&["create", &path.display().to_string()]);
    }

    /// Waits until the answer to `path` is as wanted.
    fn until(&self, what: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(what, || {
            let answer = self.rest.get(path)?.json()?;
            if wanted(&answer) { Ok(answer) } else { Err(answer.to_string()) }
        })
    }

    /// Waits until the route has this state, and its host route that one.
    fn route_is(&self, prefix: &str, state: &str, host_route: &str) -> Value {
        self.until(
            &format!("{prefix} is {state}, {host_route}"),
            &format!("/api/v1/routes/{prefix}"),
            |route| route["state"] == state && route["host_route"]["state"] == host_route,
        )
    }

    fn commands(&self) -> Vec<String> {
        let log = fs::read_to_string(self.dir.join("commands")).expect("the agent prints");
        log.lines()
            .filter(|line| line.starts_with("announce") || line.starts_with("withdraw"))
            .map(str::to_owned)
            .collect()
    }
}

fn launch(dir: &Path, unprivileged: bool) -> Process {
    let log = dir.join("commands");
    let set_up = |command: &mut Command| {
        let errors =
            fs::File::options().create(true).append(true).open(dir.join("log")).expect("the log opens");
        command.args(["run", "--config"]).arg(dir.join("config.yaml")).stderr(errors);
    };
    if unprivileged {
        Process::start_unprivileged("roamd", Path::new(ROAMD), &log, set_up)
    } else {
        Process::start("roamd", Path::new(ROAMD), &log, set_up)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.dir.join("log")).unwrap_or_default());
        }
        fs::remove_dir_all(&self.dir).ok();
    }
}

const PRINT: &str = "exabgp: {transport: print}
vms: {web: {service_ips: [198.51.100.10, '2001:db8:5::10']}}";

const ROUTE: [&str; 1] = ["198.51.100.10 dev br0 scope link"];
const NOTHING: [&str; 0] = [];

in_a_namespace_of_its_own! {
    fn a_vm_is_announced_when_the_kernel_forwards_to_it_and_not_before() {
        host();
        // libvirt names a tap that is not there yet.
        let host = Host::start(&bridged("tap-web", MAC), PRINT);
        let route = host.route_is("198.51.100.10", "pending", "failed");
        let error = "the kernel has no interface tap-web, which libvirt names as the VM's";
        assert_eq!(route["host_route"]["error"], error);
        assert_eq!(route["error"], format!("held back until its host route is in place: {error}"));
        let ready = host.until("it is not ready", "/readyz", |ready| ready["reasons"][0]["part"] == "host_routes");
        assert!(ready["reasons"][0]["reason"].as_str().is_some_and(|reason| reason.contains("of web")), "{ready}");
        assert_eq!(host.commands(), Vec::<String>::new());
        tap("tap-web");
        for prefix in ["198.51.100.10", "2001:db8:5::10"] {
            // The tap is there for a moment before it is a port of the bridge.
            let at_the_bridge = |route: &Value| route["host_route"]["device"] == "br0" && route["state"] == "announced";
            let route = host.until("it leads to the bridge", &format!("/api/v1/routes/{prefix}"), at_the_bridge);
            assert_eq!((&route["host_route"]["state"], &route["error"]), (&Value::from("placed"), &Value::Null));
        }
        assert_eq!(host.commands().len(), 2);
        host.until("it is ready", "/readyz", |ready| ready["ready"] == true);
        until_lines("-4 route show proto 82", &ROUTE);
        // The kernel has the routes before ExaBGP is told: the log says in which order.
        let log = fs::read_to_string(host.dir.join("log")).expect("it logs");
        let placed = log.find("route added").expect("it added them");
        let announced = log.find("announce").expect("it announced");
        assert!(placed < announced, "{log}");
    }

    fn a_vm_that_ends_is_withdrawn_before_its_host_route_goes() {
        host();
        tap("tap-web");
        let host = Host::start(&bridged("tap-web", MAC), PRINT);
        host.route_is("198.51.100.10", "announced", "placed");
        host.route_is("2001:db8:5::10", "announced", "placed");
        host.libvirtd.virsh(&["suspend", "web"]);
        host.until("it is frozen", "/api/v1/vms/web", |vm| vm["presence"] == "frozen");
        assert_eq!(lines("-4 route show proto 82"), ROUTE);
        host.libvirtd.virsh(&["destroy", "web"]);
        until_lines("-4 route show proto 82", &NOTHING);
        until_lines("-6 route show proto 82", &NOTHING);
        until_lines("neigh show nud permanent", &NOTHING);
        assert_eq!(host.commands().iter().filter(|line| line.starts_with("withdraw")).count(), 2);
        let log = fs::read_to_string(host.dir.join("log")).expect("it logs");
        let withdrawn = log.find("withdraw").expect("it withdrew");
        let removed = log.find("route removed").expect("it removed them");
        assert!(withdrawn < removed, "{log}");
        // It comes again behind another tap.
        tap("tap-new");
        host.create(&bridged("tap-new", "52:54:00:00:00:11"));
        host.route_is("198.51.100.10", "announced", "placed");
        until_lines("-4 neigh show nud permanent", &["198.51.100.10 dev br0 lladdr 52:54:00:00:00:11 PERMANENT proto 82"]);
    }

    fn a_restart_of_the_agent_moves_no_route() {
        host();
        tap("tap-web");
        let mut host = Host::start(&bridged("tap-web", MAC), PRINT);
        host.route_is("198.51.100.10", "announced", "placed");
        host.route_is("2001:db8:5::10", "announced", "placed");
        host.until("it is ready", "/readyz", |ready| ready["ready"] == true);
        let seen = host.dir.join("monitor");
        let out = fs::File::create(&seen).expect("it is new");
        let mut monitor = Command::new("setpriv");
        monitor.args(["--pdeathsig", "KILL", "ip", "monitor", "route", "neigh", "rule"]).stdin(Stdio::null()).stdout(out);
        let mut monitor = monitor.spawn().expect("ip starts");
        // The monitor listens: it shows what is done now.
        until("the monitor listens", || {
            ip("route replace 203.0.113.0/24 dev uplink");
            ip("route del 203.0.113.0/24");
            let seen = fs::read_to_string(&seen).expect("it is there");
            if seen.contains("203.0.113.0/24") { Ok(()) } else { Err(seen) }
        });
        assert!(host.agent.terminate().success());
        assert_eq!(lines("-4 route show proto 82"), ROUTE);
        host.agent = launch(&host.dir, false);
        host.route_is("198.51.100.10", "announced", "placed");
        host.route_is("2001:db8:5::10", "announced", "placed");
        host.until("it is ready", "/readyz", |ready| ready["ready"] == true);
        // And the next change after it is seen.
        ip("route add 203.0.113.1 dev uplink");
        let seen = until("the last change is seen", || {
            let seen = fs::read_to_string(&seen).expect("it is there");
            if seen.contains("203.0.113.1 ") { Ok(seen) } else { Err(seen) }
        });
        monitor.kill().expect("it runs");
        monitor.wait().expect("it is ours");
        let ours: Vec<&str> = seen.lines().filter(|line| line.contains("proto 82")).collect();
        assert_eq!(ours, NOTHING);
    }

    fn a_stop_that_withdraws_leaves_nothing_of_it_in_the_kernel() {
        host();
        tap("tap-web");
        let keys = PRINT.replace("print}", "print, on_stop: withdraw}");
        let mut host = Host::start(&bridged("tap-web", MAC), &keys);
        host.route_is("198.51.100.10", "announced", "placed");
        host.until("it is ready", "/readyz", |ready| ready["ready"] == true);
        until_lines("rule show priority 82", &["82:\tfrom all iif uplink lookup 82 proto 82"]);
        assert!(host.agent.terminate().success());
        for words in ["-4 route show table all proto 82", "-6 route show table all proto 82", "neigh show nud permanent"] {
            assert_eq!(lines(words), NOTHING, "{words}");
        }
        assert_eq!(lines("rule show priority 82"), NOTHING);
        assert_eq!(host.commands().iter().filter(|line| line.starts_with("withdraw")).count(), 2);
    }

    fn without_the_right_to_change_routes_nothing_is_announced_and_the_remedy_is_said() {
        host();
        tap("tap-web");
        let host = Host::start_as(&bridged("tap-web", MAC), PRINT, true);
        let route = host.route_is("198.51.100.10", "pending", "failed");
        let error = route["host_route"]["error"].as_str().expect("it says why");
        assert!(error.contains("not permitted") && error.contains("CAP_NET_ADMIN"), "{error}");
        host.until("readyz says it", "/readyz", |ready| ready["reasons"].to_string().contains("CAP_NET_ADMIN"));
        assert_eq!(host.commands(), Vec::<String>::new());
    }

    fn a_vm_with_two_interfaces_is_refused_until_the_configuration_names_one() {
        host();
        tap("tap-web");
        tap("tap-back");
        let interfaces = bridged("tap-web", MAC) + &bridged("tap-back", "52:54:00:00:00:11");
        let mut host = Host::start(&interfaces, PRINT);
        let route = host.route_is("198.51.100.10", "pending", "failed");
        assert_eq!(
            route["host_route"]["error"],
            "the VM has 2 network interfaces: name the one that serves the address in its key `nic`"
        );
        assert!(host.agent.terminate().success());
        let path = host.dir.join("config.yaml");
        let text = fs::read_to_string(&path).expect("it was written");
        let nics = "nic: {mac: '52:54:00:00:00:10'}, nics: {'2001:db8:5::10': {mac: '52:54:00:00:00:11'}}}}";
        fs::write(&path, text.replace("'2001:db8:5::10']}}", &format!("'2001:db8:5::10'], {nics}"))).expect("it is written");
        host.agent = launch(&host.dir, false);
        host.route_is("198.51.100.10", "announced", "placed");
        host.route_is("2001:db8:5::10", "announced", "placed");
        until_lines(
            "neigh show nud permanent",
            &[
                "198.51.100.10 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82",
                "2001:db8:5::10 dev br0 lladdr 52:54:00:00:00:11 PERMANENT proto 82",
            ],
        );
    }

    fn a_configuration_that_is_read_again_brings_the_first_address_of_a_family_and_takes_it_away() {
        host();
        tap("tap-web");
        let host = Host::start(&bridged("tap-web", MAC), &PRINT.replace(", '2001:db8:5::10'", ""));
        host.route_is("198.51.100.10", "announced", "placed");
        assert_eq!(lines("-6 rule show priority 82"), NOTHING);
        let path = host.dir.join("config.yaml");
        let without = fs::read_to_string(&path).expect("it was written");
        let with = without.replace("[198.51.100.10]", "[198.51.100.10, '2001:db8:5::10']");
        fs::write(&path, with).expect("it is written");
        signal("HUP", host.agent.pid());
        host.route_is("2001:db8:5::10", "announced", "placed");
        until_lines("-6 rule show priority 82", &["82:\tfrom all iif uplink lookup 82 proto 82"]);
        host.until("it is ready", "/readyz", |ready| ready["ready"] == true);
        fs::write(&path, without).expect("it is written");
        signal("HUP", host.agent.pid());
        // The blackhole stays, as it does for a family without VMs here.
        until_lines("-6 route show proto 82", &NOTHING);
        until_lines("neigh show nud permanent", &["198.51.100.10 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82"]);
        assert_eq!(host.commands().iter().filter(|line| line.starts_with("withdraw")).count(), 1);
        assert_eq!(lines("-4 route show proto 82"), ROUTE);
    }

    fn an_interface_without_a_tap_is_refused_in_words() {
        host();
        let user = format!("<interface type='user'><mac address='{MAC}'/></interface>");
        let host = Host::start(&user, PRINT);
        let route = host.route_is("198.51.100.10", "pending", "failed");
        let error = route["host_route"]["error"].as_str().expect("it says why");
        assert!(error.contains("of type user, which has no tap on this host"), "{error}");
    }

    fn status_shows_conflicts_and_warnings() {
        host();
        tap("tap-web");
        ip("route add 198.51.100.10 dev uplink proto static");
        let host = Host::start(&bridged("tap-web", MAC), PRINT);
        let status = host.until("the conflict is shown", "/api/v1/status", |status| {
            status["host_routes"]["conflicts"].as_array().is_some_and(|conflicts| !conflicts.is_empty())
                && status["host_routes"]["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty())
        });
        assert_eq!(
            status["host_routes"]["conflicts"][0],
            serde_json::json!({
                "prefix": "198.51.100.10/32", "vm": "web", "table": 254, "protocol": 4, "metric": 0, "device": "uplink",
            })
        );
        assert_eq!(status["host_routes"]["enabled"], true);
        let warnings = status["host_routes"]["warnings"].to_string();
        assert!(warnings.contains("host_routes.gateway.mac (02:00:00:00:00:01)"), "{warnings}");
    }
}
