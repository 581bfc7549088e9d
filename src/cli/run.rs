//! `roamd run`: the parts put together.
//!
//! The agent runs alone on the main thread's runtime. HTTP has a thread and a runtime of its own, so that no
//! amount of requests stands between a libvirt event and its command.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::{Exit, child, complain, descriptors, logging, signals};
use crate::agent::{self, Command, Ended, Inputs, Outputs};
use crate::chain::Chain;
use crate::config::{Config, Log, LogFormat, LogLevel, Transport};
use crate::exabgp::{self, Settings};
use crate::host_routes;
use crate::http::{Server, TokenFile};
use crate::libvirt;
use crate::service::Service;
use crate::snapshot::Snapshot;

/// How many of libvirt's reports may wait for the agent; beyond that events are dropped and a list makes up.
const REPORTS: usize = 8_192;

/// How long a child of ExaBGP, which must not exit, waits before it tries to bind its HTTP address again.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// How much nicer than the engine the HTTP thread is: where processors are short an answer may wait, a route may not.
const BEHIND: i32 = 10;

/// Why the agent could not be put together.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("setting up a runtime, thread or signal handler")]
    System(#[from] io::Error),
    #[error("starting libvirt's threads")]
    Libvirt(#[from] libvirt::SpawnError),
    #[error("serving HTTP")]
    Http(#[from] crate::http::BindError),
    #[error("serving HTTP: the thread ended before it was bound")]
    HttpThread,
}

/// Runs the agent until it ends.
pub(super) fn run(path: &Path) -> Exit {
    // First of all: until then a signal ends the process, and a large configuration takes a while to read.
    let token = Arc::<TokenFile>::default();
    let (runtime, commands) = match signals_first(path, &token) {
        Ok(both) => both,
        Err(error) => {
            complain(&Chain(&error).to_string());
            return Exit::Failure;
        }
    };
    let config = match Config::load(path) {
        Ok(config) => Arc::new(config),
        Err(faults) => {
            complain(&faults.to_string());
            if !child::is_exabgps(path) {
                let mut service = Service::from_environment(Transport::Relay);
                service.ends(&format!("The configuration has faults: {faults}"));
                return Exit::Configuration;
            }
            logging::start(Log { level: LogLevel::Info, format: LogFormat::Text });
            return child::wait_for_mending(path);
        }
    };
    logging::start(config.log);
    for warning in config.warnings() {
        warn!(path = %path.display(), %warning, "the configuration is valid, but something in it has no effect");
    }
    let version = env!("CARGO_PKG_VERSION");
    info!(version, path = %path.display(), vms = config.vms.len(), "roamd starts");
    descriptors::raise_limit();
    let ended = catch_unwind(AssertUnwindSafe(|| engine(&config, &runtime, commands, token)));
    // A configuration that is being read, from a file system that hangs say, is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(Ok(Ended::Stopped)) => {
            info!("stopped");
            Exit::Success
        }
        Ok(Ok(Ended::ExabgpGone(reason))) => {
            error!(%reason, "there is nobody left to tell of routes");
            Exit::Failure
        }
        Ok(Ok(Ended::LibvirtGone)) => {
            error!("the threads that watch libvirt have ended");
            Exit::Failure
        }
        Ok(Err(start_error)) => {
            error!(error = %Chain(&start_error), "roamd could not start");
            let mut service = Service::from_environment(config.exabgp.transport);
            service.ends(&format!("Could not start: {}", Chain(&start_error)));
            Exit::Failure
        }
        // The panic hook has written what happened.
        Err(_) => Exit::Failure,
    }
}

/// The engine's runtime, and what signals ask for from now on.
fn signals_first(
    path: &Path,
    token: &Arc<TokenFile>,
) -> Result<(Runtime, mpsc::Receiver<Command>), StartError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let commands = runtime.block_on(async { signals::commands(path, token) })?;
    Ok((runtime, commands))
}

fn engine(
    config: &Arc<Config>,
    runtime: &Runtime,
    commands: mpsc::Receiver<Command>,
    token: Arc<TokenFile>,
) -> Result<Ended, StartError> {
    let host = host_name();
    let (snapshots, published) = watch::channel(Arc::new(agent::first_snapshot(config, &host)));
    let (stop_http, http_stops) = oneshot::channel();
    let http = serve_http((Arc::clone(config), host, token), published, http_stops)?;
    let ended = runtime.block_on(async {
        let (reports_in, libvirt_reports) = mpsc::channel(REPORTS);
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (exabgp_in, exabgp_reports) = mpsc::unbounded_channel();
        let settings = Settings::from(config.as_ref());
        let service_ips = settings.service_ips.clone();
        exabgp::spawn(settings, orders_out, exabgp_in)?;
        let requests = libvirt::spawn(&config.libvirt, config.host_routes.is_some(), reports_in)?;
        let (kernel_in, host_routes_reports) = mpsc::unbounded_channel();
        let mut host_routes = None;
        if let Some(settings) = &config.host_routes {
            let (orders, orders_out) = mpsc::unbounded_channel();
            host_routes::spawn(host_routes::Settings::new(settings, config), orders_out, kernel_in)?;
            host_routes = Some(orders);
        }
        let inputs = Inputs {
            libvirt: libvirt_reports,
            exabgp: exabgp_reports,
            commands,
            host_routes: host_routes_reports,
        };
        let ask = Box::new(move |request| requests.ask(request));
        let service = Service::from_environment(config.exabgp.transport);
        let outputs = Outputs { ask, orders, host_routes, service_ips, snapshots, service };
        Ok(agent::run(Arc::clone(config), inputs, outputs).await)
    });
    drop(stop_http);
    if http.join().is_err() {
        error!("the HTTP thread ended by a panic");
    }
    ended
}

/// Starts the HTTP thread; returns once its address is bound, or, for a child of ExaBGP, at once.
fn serve_http(
    (config, host, token): (Arc<Config>, String, Arc<TokenFile>),
    published: watch::Receiver<Arc<Snapshot>>,
    stop: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, StartError> {
    let must_live = config.exabgp.transport == Transport::Child;
    let (bound, is_bound) = std::sync::mpsc::channel();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = Builder::new().name("http".to_owned()).spawn(move || {
        // Of this thread alone (setpriority(2), "C library/kernel differences").
        if let Err(error) = rustix::process::nice(BEHIND) {
            warn!(%error, "HTTP can't be given a lower priority than the engine");
        }
        runtime.block_on(async {
            let mut complained = false;
            let server = loop {
                match Server::bind(&config.http, &host, Arc::clone(&token)) {
                    Ok(server) => break server,
                    Err(error) if must_live => {
                        // Exits of a child are counted by ExaBGP, which ends itself over them.
                        if !complained {
                            warn!(error = %Chain(&error), "HTTP can't be served yet; it is tried again");
                            complained = true;
                            drop(bound.send(Ok(())));
                        }
                        tokio::time::sleep(BIND_AGAIN).await;
                    }
                    Err(error) => {
                        drop(bound.send(Err(error)));
                        return;
                    }
                }
            };
            info!(listen = ?config.http.listen, address = ?server.local_addr(), "HTTP is served");
            drop(bound.send(Ok(())));
            // The sender is never used, only dropped.
            let stopped = async { drop(stop.await) };
            if let Err(error) = server.run(published, stopped).await {
                error!(error = %Chain(&error), "HTTP is served no more");
            }
        });
    })?;
    match is_bound.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(StartError::HttpThread),
    }
}

/// The host's name as the kernel has it, for `status` and the check of HTTP's `Host` header.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
