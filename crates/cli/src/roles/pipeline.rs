//! `tributary pipeline`: orders and timelines, decisions into ClickHouse.

use std::sync::Arc;

use ::pipeline::{KafkaOptions, Log, Options, Pipeline, Status, outlet::Topics};
use anyhow::Context as _;
use telemetry::{PipelineFate, balance_page};

use super::asked_to_end;
use crate::{admin, clock, commands::Place, settings::Settings};

struct Page(Arc<Status>);

impl admin::Page for Page {
    fn alive(&self) -> Result<(), String> {
        self.0.live(clock::now())
    }

    fn ready(&self) -> (bool, String) {
        match self.0.ready(clock::now()) {
            Ok(()) => (true, String::new()),
            Err(why) => (false, why + "\n"),
        }
    }

    fn metrics(&self) -> String {
        self.0.metrics() + &balance_page::<PipelineFate>(self.0.balance())
    }
}

/// Works until asked to end.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let pipeline = Pipeline::new(options(&settings)?, clock::now);
    super::follow_catalog(&settings);
    let address = settings.text("pipeline.admin").parse().context("pipeline.admin")?;
    let admin = tokio::spawn(admin::serve(address, Arc::new(Page(pipeline.status()))).await?);
    let ended = pipeline.run(asked_to_end()).await.context("the pipeline cannot go on");
    admin.abort();
    ended
}

fn options(settings: &Settings) -> anyhow::Result<Options> {
    let mut options = Options::embedded(super::data(settings), super::warehouse_options(settings)?);
    options.owner = format!("{}:{}", host(), std::process::id());
    options.nonce = nonce()?;
    options.generation = u8::try_from(settings.number("pipeline.generation"))
        .ok()
        .filter(|it| *it > 0)
        .context("pipeline.generation: 1 to 255 is wanted")?;
    options.limits.rows_max =
        usize::try_from(settings.number("pipeline.batch_rows").max(1)).context("pipeline.batch_rows")?;
    options.limits.linger_ms = settings.number("pipeline.batch_ms");
    if let Some(kafka) = Place::new(settings).kafka("tributary-pipeline") {
        let instance =
            settings.optional("pipeline.instance").map_or_else(|| instance(settings), str::to_owned);
        options.log = Log::Kafka(Box::new(KafkaOptions {
            settings: kafka,
            group: format!("{}-pipeline", settings.text("kafka.prefix")),
            instance,
            topics: Topics::new(settings.text("kafka.prefix")),
            partitions: u32::try_from(settings.number("kafka.partitions").max(1))
                .context("kafka.partitions")?,
            replicas: u32::try_from(settings.number("kafka.replication").max(1))
                .context("kafka.replication")?,
        }));
    }
    Ok(options)
}

fn nonce() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(u64::from_le_bytes(bytes))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The same over restarts, another for another data folder of the same host.
fn instance(settings: &Settings) -> String {
    let folder =
        settings.text("data").bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{}-{folder:08x}", host())
}
