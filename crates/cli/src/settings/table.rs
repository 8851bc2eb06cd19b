//! The table of everything that can be set, with its kind, default and help.

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Text that is shown as `***`. May be given as `KEY_file` with a path instead.
    Secret,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A file or folder.
    Path,
    /// `HOST:PORT`.
    Address,
    /// Texts, in a file as a list, elsewhere with commas between.
    List,
}

/// One value that can be set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// `section.name`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
}

const fn setting(key: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
    Setting { key, kind, default, help }
}

/// Every setting there is.
pub(crate) const TABLE: &[Setting] = &[
    setting("data", Kind::Path, "tributary-data", "folder that holds everything this machine keeps"),
    setting(
        "catalog",
        Kind::Path,
        "",
        "catalog file or folder that `up` puts in force at its start when it has changed",
    ),
    setting(
        "log.level",
        Kind::Text,
        "info",
        "error, warn, info, debug, trace, or a filter such as edge=debug",
    ),
    setting("log.format", Kind::Text, "auto", "text, json, or auto: json where the output is not a terminal"),
    setting(
        "edge.number",
        Kind::Number,
        "1",
        "this edge among all edges, 0 to 65535; part of every record's identity",
    ),
    setting("edge.listen", Kind::Address, "127.0.0.1:8080", "where visitors and shops connect"),
    setting("edge.admin", Kind::Address, "127.0.0.1:8081", "/livez /readyz /metrics /scores of the edge"),
    setting(
        "edge.scores_token",
        Kind::Secret,
        "",
        "token of who posts scores to edge.admin from another machine; empty: this machine alone may",
    ),
    setting("edge.threads", Kind::Number, "0", "listeners, each with a spool of its own; 0 is one per core"),
    setting("edge.hosts", Kind::List, "", "host names this edge answers to; empty is any"),
    setting(
        "edge.https",
        Kind::Switch,
        "false",
        "visitors come by https (a proxy ends TLS), so cookies are Secure",
    ),
    setting(
        "edge.trusted_proxies",
        Kind::List,
        "",
        "networks whose X-Forwarded-For is believed, such as 10.0.0.0/8; they have no limit of connections",
    ),
    setting(
        "edge.country_header",
        Kind::Text,
        "",
        "header in which a trusted proxy names the visitor's country, such as CF-IPCountry; empty: not known",
    ),
    setting(
        "edge.connections_per_peer_max",
        Kind::Number,
        "1000",
        "connections per thread that one address (IPv6: a /64) may hold; 0 is no limit",
    ),
    setting(
        "edge.durability",
        Kind::Text,
        "process",
        "process: answered after write; power: after a group fdatasync",
    ),
    setting(
        "edge.spool_max_mib",
        Kind::Number,
        "20480",
        "size at which the spool's oldest segments are deleted, each record counted; keep it far above the longest outage",
    ),
    setting(
        "edge.spool_keep_hours",
        Kind::Number,
        "24",
        "hours after which a segment of the spool goes, once ClickHouse is found to have all its records",
    ),
    setting(
        "edge.click_key",
        Kind::Secret,
        "",
        "secret of click ids; empty: data/keys/click.key, made at the first start",
    ),
    setting("edge.click_key_previous", Kind::Secret, "", "the secret before it, still accepted"),
    setting(
        "edge.trust_time_header",
        Kind::Switch,
        "false",
        "take the time from X-Tributary-At: replays only, loopback only",
    ),
    setting("kafka.brokers", Kind::List, "", "bootstrap servers; empty: the spool itself is the log"),
    setting("kafka.partitions", Kind::Number, "6", "partitions of each topic when they are created"),
    setting(
        "kafka.replication",
        Kind::Number,
        "1",
        "replicas of each topic when they are created; 3 in production",
    ),
    setting("kafka.prefix", Kind::Text, "tributary", "first part of every topic's name"),
    setting(
        "kafka.records_per_second_max",
        Kind::Number,
        "0",
        "records a second the shipper sends at most, so that draining a backlog leaves the machine to visitors; 0 is no cap",
    ),
    setting("clickhouse.url", Kind::Text, "", "HTTP address of ClickHouse; empty: the embedded engine"),
    setting("clickhouse.user", Kind::Text, "tributary", "writes facts and cells"),
    setting(
        "clickhouse.password",
        Kind::Secret,
        "",
        "its password; empty with the embedded engine: made at the first start",
    ),
    setting("clickhouse.database", Kind::Text, "tributary", "where the tables live"),
    setting("engine.listen", Kind::Address, "127.0.0.1:8123", "where the embedded ClickHouse answers HTTP"),
    setting(
        "engine.library",
        Kind::Path,
        "",
        "libchdb.so; empty: TRIBUTARY_CHDB_LIB, else the cache, fetched when missing",
    ),
    setting("engine.memory_max_mib", Kind::Number, "2048", "memory cap of the embedded ClickHouse"),
    setting("engine.reader", Kind::Text, "reader", "read-only user for analysts"),
    setting("engine.reader_password", Kind::Secret, "", "its password; empty: made at the first start"),
    setting("pipeline.admin", Kind::Address, "127.0.0.1:8082", "/livez /readyz /metrics of the pipeline"),
    setting(
        "pipeline.instance",
        Kind::Text,
        "",
        "static member id in the consumer group; empty: the host name and data folder",
    ),
    setting(
        "pipeline.generation",
        Kind::Number,
        "1",
        "of the log, 1 to 255: one more each time its topics were made anew, so that claims may begin from 0 again",
    ),
    setting("pipeline.batch_rows", Kind::Number, "50000", "rows at which a batch is written"),
    setting(
        "pipeline.batch_ms",
        Kind::Number,
        "250",
        "milliseconds after which a batch is written however small",
    ),
    setting(
        "warehouse.admin",
        Kind::Address,
        "127.0.0.1:8083",
        "/livez /readyz /metrics of the warehouse role",
    ),
    setting("warehouse.roll_ms", Kind::Number, "1000", "milliseconds between rolls of open quarters"),
    setting(
        "warehouse.score_every",
        Kind::Text,
        "1h",
        "between two looks for suspicious orders, by the limits of [fraud] in the catalog; 0s is never",
    ),
    setting(
        "warehouse.score_to",
        Kind::Text,
        "",
        "HOST:PORT of an edge's admin port, which scores are posted to; empty: edge.admin",
    ),
    setting("warehouse.time_zone", Kind::Text, "UTC", "zone of the program's days"),
    setting(
        "demo.sabotage",
        Kind::Text,
        "",
        "plants one error: drop, double, shift or overpay; the demo's check of itself",
    ),
];

/// Keys below these prefixes go to the library as they are: any librdkafka property, any ClickHouse setting.
pub(crate) const PASSED_ON: [&str; 2] = ["kafka.properties.", "clickhouse.settings."];
