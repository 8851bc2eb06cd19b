//! `tributary edge`: redirects and reports.

use ::edge::{ClickSecret, Hidden, KafkaOptions, Options, keys::Keys};
use anyhow::Context as _;
use journal::spool::Durability;
use telemetry::Telemetry;

use super::{asked_to_end, keeper::Keeper};
use crate::{clock, settings::Settings};

/// Serves until asked to end.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let options = options(&settings)?;
    super::follow_catalog(&settings);
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    Keeper::new(&settings, &telemetry).start().context("cannot start the thread that keeps the spool")?;
    ::edge::serve(options, clock::now, telemetry, asked_to_end()).await.context("the edge cannot serve")
}

fn options(settings: &Settings) -> anyhow::Result<Options> {
    let data = super::data(settings);
    let mut keys = Keys::load_or_create(&data.join("keys")).context("cannot use the keys")?;
    if let Some(secret) = settings.optional("edge.click_key") {
        keys.click = configured(secret, settings.optional("edge.click_key_previous"));
    }
    let mut options = Options::local(data, keys);
    options.edge =
        u16::try_from(settings.number("edge.number")).context("edge.number: 0 to 65535 is wanted")?;
    options.listen = settings.text("edge.listen").parse().context("edge.listen")?;
    options.admin = settings.text("edge.admin").parse().context("edge.admin")?;
    options.threads = u16::try_from(settings.number("edge.threads")).context("edge.threads")?;
    options.hosts = settings.list("edge.hosts");
    options.https = settings.switch("edge.https");
    options.trust_time_header = settings.switch("edge.trust_time_header");
    options.durability = match settings.text("edge.durability") {
        "process" => Durability::Process,
        "power" => Durability::Power,
        other => anyhow::bail!("edge.durability = {other:?}: process or power is wanted"),
    };
    let networks = settings.list("edge.trusted_proxies");
    options.trusted_proxies =
        networks.iter().map(|it| it.parse()).collect::<Result<_, _>>().context("edge.trusted_proxies")?;
    options.country_header = settings.optional("edge.country_header").map(str::to_owned);
    options.connections_per_peer_max = usize::try_from(settings.number("edge.connections_per_peer_max"))
        .context("edge.connections_per_peer_max")?;
    options.scores_token = Hidden(settings.text("edge.scores_token").as_bytes().to_vec());
    options.kafka = kafka(settings)?;
    Ok(options)
}

/// Secrets are told apart by a number that follows from themselves, so that every edge gives them the same.
fn configured(current: &str, previous: Option<&str>) -> Vec<ClickSecret> {
    let number =
        |secret: &str| secret.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) & 15;
    let first = number(current);
    let key = |secret: &str, number| ClickSecret { number, secret: secret.as_bytes().to_vec() };
    let second = previous.map(|it| key(it, if number(it) == first { (first + 1) & 15 } else { number(it) }));
    std::iter::once(key(current, first)).chain(second).collect()
}

fn kafka(settings: &Settings) -> anyhow::Result<Option<KafkaOptions>> {
    let Some(brokers) = settings.optional("kafka.brokers") else { return Ok(None) };
    let per_second = u32::try_from(settings.number("kafka.records_per_second_max"))
        .context("kafka.records_per_second_max")?;
    Ok(Some(KafkaOptions {
        brokers: brokers.to_owned(),
        properties: settings.passed_on("kafka.properties."),
        prefix: settings.text("kafka.prefix").to_owned(),
        records_per_second_max: (per_second > 0).then_some(per_second),
    }))
}
