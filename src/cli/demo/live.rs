//! The demo on a terminal: live traffic against the simulated API, and the UI on its failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::MISSING_FIELD;
use super::client::Client;
use crate::capture::{DEFAULT_TARGET, read_line};
use crate::cli::context::Context;
use crate::cli::ui;
use crate::config::Config;
use crate::domain::endpoint::BaseUrl;
use crate::domain::run::Operator;
use crate::replay::ExitCode;
use crate::sandbox::{Sandbox, Settings};
use crate::store::{self, By, Incoming, OpenOptions, Store};
use crate::tui;

/// Time between two writes of the service.
const BETWEEN: Duration = Duration::from_millis(600);

pub(super) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let directory = tempfile::Builder::new().prefix("dlq-demo-").tempdir()?;
    let path = directory.path().join("demo.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sandbox = Arc::new(runtime.block_on(Sandbox::start(Settings::default()))?);
    let base_url = BaseUrl::parse(&sandbox.base_url())?;
    let store = store::open(&path, OpenOptions { create: true, ..OpenOptions::default() })?;
    store.bind_target(DEFAULT_TARGET, &base_url, By::new(&context.operator)).wait()?;
    let stop = Arc::new(AtomicBool::new(false));
    let operator = context.operator.clone();
    let service = Service { sandbox: Arc::clone(&sandbox), store, operator, stop: Arc::clone(&stop) };
    let traffic = runtime.spawn(service.go_on());
    let (fixed, asked) = (Arc::clone(&sandbox), Arc::clone(&sandbox));
    let mut config = Config::default();
    config.ui.clone_from(&context.config.ui);
    let mut setup = ui::setup(context, path.display().to_string())?;
    setup.is_demo = true;
    setup.target = None;
    let result = tui::run(tui::TuiSettings {
        path,
        config,
        operator: context.operator.clone(),
        base_url: None,
        setup,
        views: None,
        demo: Some(tui::Demo {
            token: Settings::default().token,
            fix: Box::new(move || fixed.world().add_field("profiles", MISSING_FIELD)),
            check: Box::new(move || verdict(&asked)),
        }),
    });
    stop.store(true, Ordering::Relaxed);
    let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), traffic).await });
    result.map(|_| ExitCode::Ok)
}

/// Returns the verdict of the API's own ledger, in a sentence.
fn verdict(sandbox: &Sandbox) -> String {
    let world = sandbox.world();
    let mut keys: Vec<&str> = world.ledger.applied.iter().map(|applied| applied.key.as_str()).collect();
    let applied = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let twice = applied - keys.len();
    match twice {
        0 => format!(
            "The API's own ledger: of its {applied} writes, the service's own included, none was applied twice."
        ),
        _ => format!("The API's own ledger: {twice} OF ITS {applied} WRITES WERE APPLIED TWICE. Report this as a bug."),
    }
}

/// A service that writes to the API, and publishes the writes it has to give up on.
struct Service {
    sandbox: Arc<Sandbox>,
    store: Arc<dyn Store>,
    operator: Operator,
    stop: Arc<AtomicBool>,
}

impl Service {
    async fn go_on(self) {
        let settings = Settings::default();
        let Ok(mut client) = Client::new(&self.sandbox.base_url(), &settings.token) else { return };
        // So that there are failures to look at from the start.
        for n in 0..14 {
            client.profile(n, n % 3 != 0).await;
        }
        for n in 0..3 {
            client.profile_with_bad_email(n).await;
        }
        client.token(&settings.expired_token);
        for n in 0..3 {
            client.order(n).await;
        }
        client.token(&settings.token);
        self.publish(&mut client).await;
        for n in 14.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            match n % 9 {
                0 => client.profile_with_bad_email(n).await,
                3 | 6 => client.order(n).await,
                5 => {
                    self.sandbox.world().storm = 1;
                    client.order(n).await;
                }
                _ => client.profile(n, true).await,
            }
            self.publish(&mut client).await;
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn publish(&self, client: &mut Client) {
        let binding = super::binding();
        let lines = client.take_failures();
        let failed = lines.iter().filter_map(|line| read_line(line.as_bytes(), &binding).ok()?.failed());
        let batch: Vec<Incoming> = failed.map(Incoming::new).collect();
        if !batch.is_empty() {
            // If the file is gone, so is the screen that shows it.
            let _ = Arc::clone(&self.store).intake(&self.operator).take(batch, Vec::new()).await;
        }
    }
}
