CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, applied_at DateTime('UTC') DEFAULT now('UTC')) ENGINE = ReplacingMergeTree ORDER BY number;

CREATE TABLE IF NOT EXISTS clicks_log (
  event_id FixedString(16),
  at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  click_id String CODEC(ZSTD(1)),
  touch_id FixedString(16) CODEC(ZSTD(1)),
  kind LowCardinality(String),
  verdict LowCardinality(String),
  visitor_id UInt64,
  partner_id UInt32,
  offer_id UInt32,
  advertiser_id UInt32,
  link_id UInt32,
  catalog_version UInt32,
  currency LowCardinality(String),
  country LowCardinality(String),
  device LowCardinality(String),
  os LowCardinality(String),
  browser LowCardinality(String),
  consent UInt8,
  visitor_is_new Bool,
  ip_prefix String CODEC(ZSTD(1)),
  ip_hash UInt64 CODEC(ZSTD(1)),
  user_agent_hash UInt64 CODEC(ZSTD(1)),
  landing LowCardinality(String),
  deep_link String CODEC(ZSTD(1)),
  referrer_host String CODEC(ZSTD(1)),
  source String CODEC(ZSTD(1)),
  partner_click_id String CODEC(ZSTD(1)),
  subs Array(String) CODEC(ZSTD(1)),
  tags Map(String, String) CODEC(ZSTD(1)),
  ver UInt32,
  quarter DateTime('UTC') ALIAS toStartOfInterval(at, INTERVAL 15 MINUTE),
  writer UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 1, 4))),
  incarnation UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 5, 4))),
  sequence UInt64 ALIAS reinterpretAsUInt64(reverse(substring(event_id, 9, 8))),
  INDEX by_click click_id TYPE bloom_filter(0.01) GRANULARITY 4,
  INDEX by_touch touch_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMMDD(at)
ORDER BY (toStartOfInterval(at, INTERVAL 15 MINUTE), partner_id, event_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS reports_log (
  event_id FixedString(16),
  received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  reported_at DateTime64(3, 'UTC'),
  advertiser_id UInt32,
  order_id String,
  channel LowCardinality(String),
  event LowCardinality(String),
  click_id String,
  refused_click String,
  refused_reason LowCardinality(String),
  visitor_id UInt64,
  customer_id String,
  coupon String,
  partner_id UInt32,
  statement LowCardinality(String),
  refund_id String,
  has_amount Bool,
  amount_minor Int64,
  currency LowCardinality(String),
  status LowCardinality(String),
  new_customer LowCardinality(String),
  delivery String,
  catalog_version UInt32,
  ver UInt32,
  quarter DateTime('UTC') ALIAS toStartOfInterval(received_at, INTERVAL 15 MINUTE),
  writer UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 1, 4))),
  incarnation UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 5, 4))),
  sequence UInt64 ALIAS reinterpretAsUInt64(reverse(substring(event_id, 9, 8))),
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(received_at)
ORDER BY (toStartOfInterval(received_at, INTERVAL 15 MINUTE), advertiser_id, order_id, event_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS orders_log (
  quarter DateTime('UTC'),
  advertiser_id UInt32,
  order_id String,
  void Bool,
  at DateTime64(3, 'UTC'),
  time_source LowCardinality(String),
  event LowCardinality(String),
  status LowCardinality(String),
  has_amount Bool,
  amount_minor Int64,
  refunded_minor Int64,
  revenue_minor Int64,
  currency LowCardinality(String),
  partner_id UInt32,
  offer_id UInt32,
  matched LowCardinality(String),
  unattributed LowCardinality(String),
  report_count UInt32,
  first_received_at DateTime64(3, 'UTC'),
  last_received_at DateTime64(3, 'UTC'),
  payable_at DateTime64(3, 'UTC'),
  catalog_version UInt32,
  trace String CODEC(ZSTD(1)),
  ver UInt64,
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, advertiser_id, order_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS credits_log (
  quarter DateTime('UTC'),
  advertiser_id UInt32,
  order_id String,
  touch_id FixedString(16),
  at DateTime64(3, 'UTC'),
  touched_at DateTime64(3, 'UTC'),
  partner_id UInt32,
  offer_id UInt32,
  link_id UInt32,
  country LowCardinality(String),
  device LowCardinality(String),
  share_ppm UInt32,
  revenue_minor Int64,
  currency LowCardinality(String),
  status LowCardinality(String),
  role LowCardinality(String),
  ver UInt64,
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, advertiser_id, order_id, touch_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS quarantine_log (
  place String,
  reason LowCardinality(String),
  event_id FixedString(16),
  bytes String CODEC(ZSTD(1)),
  written_at DateTime('UTC') DEFAULT now('UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (place, reason)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS marks (
  quarter DateTime('UTC'),
  source LowCardinality(String),
  n UInt64,
  nonce UInt64
) ENGINE = SummingMergeTree(n)
ORDER BY (quarter, source)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS cells (
  quarter DateTime('UTC'),
  partner_id UInt32,
  offer_id UInt32,
  link_id UInt32,
  country LowCardinality(String),
  device LowCardinality(String),
  currency LowCardinality(String),
  clicks UInt32,
  clicks_valid UInt32,
  clicks_unique UInt32,
  views UInt32,
  visitors UInt32,
  pending_ppm UInt64,
  approved_ppm UInt64,
  rejected_ppm UInt64,
  partly_refunded_ppm UInt64,
  refunded_ppm UInt64,
  revenue_minor Int64,
  revenue_approved_minor Int64,
  is_empty Bool,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, partner_id, offer_id, link_id, country, device, currency)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS rolled (
  quarter DateTime('UTC'),
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY quarter
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS cells_day (
  day Date,
  partner_id UInt32,
  offer_id UInt32,
  link_id UInt32,
  country LowCardinality(String),
  device LowCardinality(String),
  currency LowCardinality(String),
  clicks UInt32,
  clicks_valid UInt32,
  clicks_unique UInt32,
  views UInt32,
  visitors UInt32,
  pending_ppm UInt64,
  approved_ppm UInt64,
  rejected_ppm UInt64,
  partly_refunded_ppm UInt64,
  refunded_ppm UInt64,
  revenue_minor Int64,
  revenue_approved_minor Int64,
  is_empty Bool,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(day)
ORDER BY (day, partner_id, offer_id, link_id, country, device, currency)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS uniques_day (
  day Date,
  partner_id UInt32,
  visitors UInt64,
  state AggregateFunction(uniqCombined64(12), UInt64),
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(day)
ORDER BY (day, partner_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS rolled_day (
  day Date,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY day
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS partner_names (partner_id UInt32, name String, kind String, status String)
ENGINE = Join(ANY, LEFT, partner_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS offer_names (offer_id UInt32, name String, advertiser_id UInt32, status String)
ENGINE = Join(ANY, LEFT, offer_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS advertiser_names (advertiser_id UInt32, name String, status String)
ENGINE = Join(ANY, LEFT, advertiser_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS link_names (link_id UInt32, code String, status String)
ENGINE = Join(ANY, LEFT, link_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS program (
  key String,
  value String,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS audit_log (
  at DateTime64(3, 'UTC'),
  what LowCardinality(String),
  subject String,
  expected UInt64,
  found UInt64,
  detail String
) ENGINE = ReplacingMergeTree
ORDER BY (at, what, subject)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS self_test_stored (
  run UInt64,
  n UInt64
) ENGINE = MergeTree
ORDER BY (run, n)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS self_test_distinct (
  run UInt64,
  n UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (run, n)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS cells_partner_day (
  day Date,
  partner_id UInt32,
  currency LowCardinality(String),
  clicks UInt64,
  clicks_valid UInt64,
  clicks_unique UInt64,
  views UInt64,
  pending_ppm UInt64,
  approved_ppm UInt64,
  rejected_ppm UInt64,
  partly_refunded_ppm UInt64,
  refunded_ppm UInt64,
  revenue_minor Int64,
  revenue_approved_minor Int64,
  is_empty Bool,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(day)
ORDER BY (day, partner_id, currency)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

CREATE TABLE IF NOT EXISTS rolled_partner_day (
  day Date,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY day
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

ALTER TABLE clicks_log MODIFY SETTING min_bytes_for_wide_part = 67108864;

ALTER TABLE reports_log
  ADD COLUMN IF NOT EXISTS email_id String DEFAULT '',
  ADD COLUMN IF NOT EXISTS coupons Array(String) DEFAULT if(coupon = '', [], [coupon]),
  ADD COLUMN IF NOT EXISTS offer_id UInt32 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS checkout_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
  ADD COLUMN IF NOT EXISTS items String DEFAULT '',
  ADD COLUMN IF NOT EXISTS reason LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS refund_kind LowCardinality(String) DEFAULT if(statement = 'refund', 'refund', '');

ALTER TABLE orders_log
  ADD COLUMN IF NOT EXISTS model LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS path_touches UInt16 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_currency LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS rate_e12 UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hold LowCardinality(String) DEFAULT '';

ALTER TABLE credits_log
  ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS found LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS verdict LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS assists UInt8 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS path_touches UInt16 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_currency LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS rate_e12 UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hold LowCardinality(String) DEFAULT '';

ALTER TABLE cells
  ADD COLUMN IF NOT EXISTS assisted_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS closed_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS path_touches UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_e4 Int64 DEFAULT 0;

ALTER TABLE cells_day
  ADD COLUMN IF NOT EXISTS assisted_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS closed_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS path_touches UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_e4 Int64 DEFAULT 0;

ALTER TABLE cells_partner_day
  ADD COLUMN IF NOT EXISTS assisted_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS closed_orders UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS path_touches UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_e4 Int64 DEFAULT 0;

ALTER TABLE quarantine_log ADD COLUMN IF NOT EXISTS replayed_at DateTime('UTC') DEFAULT 0;

ALTER TABLE orders_log ADD COLUMN IF NOT EXISTS reason LowCardinality(String) DEFAULT '';

ALTER TABLE orders_log
  ADD COLUMN IF NOT EXISTS is_approved Bool DEFAULT status = 'approved',
  ADD COLUMN IF NOT EXISTS rule LowCardinality(String) DEFAULT '';

ALTER TABLE credits_log
  ADD COLUMN IF NOT EXISTS is_approved Bool DEFAULT status = 'approved',
  ADD COLUMN IF NOT EXISTS refunded_minor Int64 DEFAULT 0;

ALTER TABLE cells
  ADD COLUMN IF NOT EXISTS refunded_approved_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS charged_back_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS held_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS without_rate_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_approved_minor Int64 DEFAULT 0;

ALTER TABLE cells_day
  ADD COLUMN IF NOT EXISTS refunded_approved_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS charged_back_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS held_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS without_rate_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_approved_minor Int64 DEFAULT 0;

ALTER TABLE cells_partner_day
  ADD COLUMN IF NOT EXISTS refunded_approved_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS charged_back_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS held_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS without_rate_ppm UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refunded_approved_minor Int64 DEFAULT 0;

ALTER TABLE uniques_day
  COMMENT COLUMN day 'The day, of the program\'s zone.',
  COMMENT COLUMN partner_id 'Whose clicks; 0 for none.',
  COMMENT COLUMN visitors 'Distinct visitors of that day and partner, error 1.6 %.',
  COMMENT COLUMN state 'The same as a state: uniqCombined64Merge(12)(state) counts them over any days.',
  COMMENT COLUMN ver 'Version of the row: the newest is the one to be seen (FINAL).';

CREATE TABLE IF NOT EXISTS scores_log (
  event_id FixedString(16),
  received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  advertiser_id UInt32,
  order_id String,
  catalog_version UInt32,
  scored_at DateTime64(3, 'UTC'),
  signals String CODEC(ZSTD(1)),
  ver UInt32,
  quarter DateTime('UTC') ALIAS toStartOfInterval(received_at, INTERVAL 15 MINUTE),
  writer UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 1, 4))),
  incarnation UInt32 ALIAS reinterpretAsUInt32(reverse(substring(event_id, 5, 4))),
  sequence UInt64 ALIAS reinterpretAsUInt64(reverse(substring(event_id, 9, 8))),
  INDEX by_order order_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(received_at)
ORDER BY (toStartOfInterval(received_at, INTERVAL 15 MINUTE), advertiser_id, order_id, event_id)
SETTINGS non_replicated_deduplication_window = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

ALTER TABLE reports_log
  ADD COLUMN IF NOT EXISTS self_partner_id UInt32 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS partner_named String DEFAULT '';

CREATE OR REPLACE VIEW clicks (
  at DateTime64(3, 'UTC') COMMENT 'When the click or view was, UTC, by the edge\'s clock. Filter by it: the table is sorted by it.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then.',
  click_id String COMMENT 'The signed id, as it is in links and postbacks.',
  kind LowCardinality(String) COMMENT 'click or view.',
  verdict LowCardinality(String) COMMENT 'valid, duplicate, bot, preview, prefetch or head: what we think of it.',
  verdict_version UInt32 COMMENT 'Of the rules that gave the verdict.',
  is_click UInt8 COMMENT '1 where it was sent on to the shop: bots and previews count, prefetch and HEAD do not.',
  is_valid UInt8 COMMENT '1 for a click of a person, repeats included.',
  is_unique UInt8 COMMENT '1 for one that is no repeat.',
  partner_id UInt32 COMMENT 'Whose link it was then.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'What it was for then.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'Which link.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  sub1 String COMMENT 'Parameter sub1 of the link; empty if not given.',
  sub2 String COMMENT 'Parameter sub2 of the link; empty if not given.',
  sub3 String COMMENT 'Parameter sub3 of the link; empty if not given.',
  sub4 String COMMENT 'Parameter sub4 of the link; empty if not given.',
  sub5 String COMMENT 'Parameter sub5 of the link; empty if not given.',
  sub6 String COMMENT 'Parameter sub6 of the link; empty if not given.',
  sub7 String COMMENT 'Parameter sub7 of the link; empty if not given.',
  sub8 String COMMENT 'Parameter sub8 of the link; empty if not given.',
  sub9 String COMMENT 'Parameter sub9 of the link; empty if not given.',
  sub10 String COMMENT 'Parameter sub10 of the link; empty if not given.',
  sub11 String COMMENT 'Parameter sub11 of the link; empty if not given.',
  sub12 String COMMENT 'Parameter sub12 of the link; empty if not given.',
  sub13 String COMMENT 'Parameter sub13 of the link; empty if not given.',
  sub14 String COMMENT 'Parameter sub14 of the link; empty if not given.',
  sub15 String COMMENT 'Parameter sub15 of the link; empty if not given.',
  sub16 String COMMENT 'Parameter sub16 of the link; empty if not given.',
  sub17 String COMMENT 'Parameter sub17 of the link; empty if not given.',
  sub18 String COMMENT 'Parameter sub18 of the link; empty if not given.',
  sub19 String COMMENT 'Parameter sub19 of the link; empty if not given.',
  sub20 String COMMENT 'Parameter sub20 of the link; empty if not given.',
  sub21 String COMMENT 'Parameter sub21 of the link; empty if not given.',
  sub22 String COMMENT 'Parameter sub22 of the link; empty if not given.',
  sub23 String COMMENT 'Parameter sub23 of the link; empty if not given.',
  sub24 String COMMENT 'Parameter sub24 of the link; empty if not given.',
  sub25 String COMMENT 'Parameter sub25 of the link; empty if not given.',
  sub26 String COMMENT 'Parameter sub26 of the link; empty if not given.',
  sub27 String COMMENT 'Parameter sub27 of the link; empty if not given.',
  sub28 String COMMENT 'Parameter sub28 of the link; empty if not given.',
  sub29 String COMMENT 'Parameter sub29 of the link; empty if not given.',
  sub30 String COMMENT 'Parameter sub30 of the link; empty if not given.',
  source String COMMENT 'The partner\'s label of the traffic: the parameter source, as it came.',
  partner_click_id String COMMENT 'The partner\'s own name for the click, as it came.',
  utm_source String COMMENT 'tags, by name; empty if there is none.',
  utm_medium String COMMENT 'As utm_source.',
  utm_campaign String COMMENT 'As utm_source.',
  utm_term String COMMENT 'As utm_source.',
  utm_content String COMMENT 'As utm_source.',
  tags Map(String, String) COMMENT 'utm_ parameters and the click ids of ad systems (gclid, fbclid), by name, as they came.',
  visitor_id String COMMENT 'The browser, by our cookie, in 16 hex digits.',
  visitor_is_new Bool COMMENT 'It came without our cookie.',
  country LowCardinality(String) COMMENT 'Two letters by ISO 3166 as the proxy in front says; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  os LowCardinality(String) COMMENT 'windows, macos, ios, android, linux, chromeos or unknown.',
  browser LowCardinality(String) COMMENT 'chrome, safari, firefox, edge, opera, samsung, in_app or unknown.',
  gpc UInt8 COMMENT '1 with Global Privacy Control (Sec-GPC): no visitor is kept from click to click.',
  dnt UInt8 COMMENT '1 with Do Not Track.',
  ip_prefix String COMMENT 'The network: the first 24 bits (IPv4) or 48 (IPv6); empty if not kept.',
  ip_hash UInt64 COMMENT 'The address, hashed under a key that changes daily; 0 if there was none.',
  user_agent_hash UInt64 COMMENT 'The agent, hashed; 0 where there was none.',
  referrer_host String COMMENT 'The host the visitor came from; empty if the browser does not say.',
  landing LowCardinality(String) COMMENT 'Where it was sent: stored (the link\'s own), deep_link, or fallback and why: unsigned_deeplink, bad_sig, expired_sig, bad_url.',
  deep_link String COMMENT 'The address in the link, if there was one.',
  currency LowCardinality(String) COMMENT 'The offer\'s, so that clicks and revenue stand in one row of a rollup.',
  catalog_version UInt32 COMMENT 'Of the catalog that the edge answered by.',
  touch_id String COMMENT 'The same touch in 32 hex digits, as touches, credits and reports name it.',
  event_id String COMMENT 'The record\'s identity in hex: writer, incarnation, sequence.',
  writer UInt32 COMMENT 'Which edge\'s spool wrote it.',
  incarnation UInt32 COMMENT 'Which life of that spool.',
  sequence UInt64 COMMENT 'Its number in that life, without gaps.'
)
COMMENT 'One row per click or view, of any verdict; is_click counts among clicks, is_valid among clicks_valid, is_unique among clicks_unique. Filter by at.'
AS
SELECT
  at, quarter, click_id, kind, verdict, ver AS verdict_version,
  kind = 'click' AND verdict NOT IN ('prefetch', 'head') AS is_click,
  kind = 'click' AND verdict IN ('valid', 'duplicate') AS is_valid,
  kind = 'click' AND verdict = 'valid' AS is_unique,
  partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code,
  subs[1] AS sub1, subs[2] AS sub2, subs[3] AS sub3, subs[4] AS sub4, subs[5] AS sub5, subs[6] AS sub6, subs[7] AS sub7, subs[8] AS sub8, subs[9] AS sub9, subs[10] AS sub10, subs[11] AS sub11, subs[12] AS sub12, subs[13] AS sub13, subs[14] AS sub14, subs[15] AS sub15, subs[16] AS sub16, subs[17] AS sub17, subs[18] AS sub18, subs[19] AS sub19, subs[20] AS sub20, subs[21] AS sub21, subs[22] AS sub22, subs[23] AS sub23, subs[24] AS sub24, subs[25] AS sub25, subs[26] AS sub26, subs[27] AS sub27, subs[28] AS sub28, subs[29] AS sub29, subs[30] AS sub30,
  source, partner_click_id,
  tags['utm_source'] AS utm_source, tags['utm_medium'] AS utm_medium, tags['utm_campaign'] AS utm_campaign,
  tags['utm_term'] AS utm_term, tags['utm_content'] AS utm_content, tags,
  lower(leftPad(hex(visitor_id), 16, '0')) AS visitor_id, visitor_is_new, country, device, os, browser,
  bitTest(consent, 0) = 1 AS gpc, bitTest(consent, 1) = 1 AS dnt,
  ip_prefix, ip_hash, user_agent_hash, referrer_host, landing, deep_link, currency, catalog_version,
  lower(hex(touch_id)) AS touch_id, lower(hex(event_id)) AS event_id, writer, incarnation, sequence
FROM clicks_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW reports (
  received_at DateTime64(3, 'UTC') COMMENT 'When the edge had it, UTC.',
  reported_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The time the shop gave, UTC; NULL if it gave none.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  channel LowCardinality(String) COMMENT 'postback, pixel, batch, shopify, woocommerce or standard.',
  event LowCardinality(String) COMMENT 'What was reported: sale, lead or a word of the shop\'s.',
  click_id String COMMENT 'The click id it named, if we signed it; empty otherwise.',
  refused_click String COMMENT 'What it named as click id and we did not sign.',
  refused_reason LowCardinality(String) COMMENT 'Why that was not believed.',
  visitor_id String COMMENT 'The browser that sent it (pixel), in 16 hex digits; empty for none.',
  customer_id String COMMENT 'The customer, hashed, in hex; empty for none.',
  email_id String COMMENT 'His address, hashed, in hex; empty for none.',
  coupon String COMMENT 'The first of coupons.',
  coupons Array(String) COMMENT 'All that were named, at most 4.',
  partner_id UInt32 COMMENT 'The partner it named; 0 for none.',
  partner_named String COMMENT 'What it called a partner and is nobody; empty if not.',
  self_partner_id UInt32 COMMENT 'The partner whose e-mail address the customer has, by the catalog of then, the lowest of several; 0 for none.',
  offer_id UInt32 COMMENT 'The offer it named; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  statement LowCardinality(String) COMMENT 'order or refund.',
  refund_id String COMMENT 'Which refund; one id counts once, by its latest report.',
  refund_kind LowCardinality(String) COMMENT 'refund or chargeback; empty for an order.',
  amount Nullable(Decimal(18, 4)) COMMENT 'Of the order before refunds, or of the refund, in whole units; NULL where it gave none: of a refund then the whole order.',
  amount_minor Int64 COMMENT 'The same in minor units; 0 where it gave none.',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  items String COMMENT 'Its lines as JSON: product, quantity, minor; empty for none.',
  status LowCardinality(String) COMMENT 'pending, approved or rejected, if it said one; else empty.',
  reason LowCardinality(String) COMMENT 'Why it is rejected, from a closed list; empty if not.',
  new_customer LowCardinality(String) COMMENT 'yes, no, or empty where it did not say.',
  checkout_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When checkout began, UTC; NULL if it did not say.',
  delivery String COMMENT 'The shop system\'s own id of the message.',
  catalog_version UInt32 COMMENT 'Of the catalog that the edge read it by.',
  event_id String COMMENT 'The record\'s identity in hex: writer, incarnation, sequence.',
  writer UInt32 COMMENT 'Which edge\'s spool wrote it.',
  incarnation UInt32 COMMENT 'Which life of that spool.',
  sequence UInt64 COMMENT 'Its number in that life, without gaps.',
  touch_id String COMMENT 'The touch that click_id names, in 32 hex digits, as clicks, touches and credits name it; empty without click_id.'
)
COMMENT 'One row per message of a shop about an order, as it came.'
AS
SELECT
  received_at, nullIf(reported_at, toDateTime64(0, 3, 'UTC')) AS reported_at, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  channel, event, click_id, refused_click, refused_reason,
  if(visitor_id = 0, '', lower(leftPad(hex(visitor_id), 16, '0'))) AS visitor_id, customer_id, email_id,
  coupon, coupons, partner_id, partner_named, self_partner_id, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, statement, refund_id, refund_kind, if(has_amount, CAST(amount_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)), NULL) AS amount, amount_minor, currency, items, status, reason,
  new_customer, nullIf(checkout_at, toDateTime64(0, 3, 'UTC')) AS checkout_at, delivery, catalog_version, lower(hex(event_id)) AS event_id, writer, incarnation, sequence,
  if(length(click_id) != 50, '', lower(hex(unbin(arrayStringConcat(arrayMap(bits -> concat(substring(bits, 9, 48), substring(bits, 153, 80)), [arrayStringConcat(arrayMap(it -> substring(bin(toUInt8(position('0123456789abcdefghjkmnpqrstvwxyz', it) - 1)), 4), splitByString('', click_id)))])))))) AS touch_id
FROM reports_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW orders (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  event LowCardinality(String) COMMENT 'What was reported first of the order itself: sale, lead or a word of the shop\'s.',
  status LowCardinality(String) COMMENT 'pending, approved, rejected, partly_refunded, refunded or charged_back; is_approved says whether the shop approved what has gone back since.',
  partner_id UInt32 COMMENT 'Whose it is: of the greatest share, of equals the newest; 0 for nobody\'s.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what he is credited; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  amount Nullable(Decimal(18, 4)) COMMENT 'What the shop said it is worth, before refunds; NULL where no report gave an amount.',
  refunded Decimal(18, 4) COMMENT 'What went back, in whole units of currency; never more than the amount. Taken off revenue already.',
  revenue Decimal(18, 4) COMMENT 'Amount less refunds, in whole units of currency; 0 when rejected.',
  amount_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  matched LowCardinality(String) COMMENT 'How the credited touch was found: click_id, visitor, customer_visitor, exclusive_coupon, coupon, customer or partner; empty for nobody\'s.',
  unattributed LowCardinality(String) COMMENT 'Why it is nobody\'s: no_catalog, no_key, no_touch, none_eligible, unknown_coupon, unknown_partner; empty where it is somebody\'s.',
  report_count UInt32 COMMENT 'Distinct reports of it, at most 256.',
  time_source LowCardinality(String) COMMENT 'Which time at is: reported, received, or click where the shop\'s clock is behind.',
  first_received_at DateTime64(3, 'UTC') COMMENT 'When its first report reached us, UTC.',
  last_received_at DateTime64(3, 'UTC') COMMENT 'When its last one did.',
  payable_at DateTime64(3, 'UTC') COMMENT 'From when on it is payable: at and the hold of its offer.',
  catalog_version UInt32 COMMENT 'Of the catalog in force then; 0 for none.',
  trace String COMMENT 'Why, as JSON; tributary explain tells it in words.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  model LowCardinality(String) COMMENT 'How it is shared: last, first, linear, position or time_decay; empty for nobody\'s.',
  path_touches UInt16 COMMENT 'Touches on the path, repeats left out; 0 where nobody is credited.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'Revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why credits are held back: rate_missing, refund_other_currency, fraud; empty if they are not. Shares and money stand.',
  reason LowCardinality(String) COMMENT 'Why it is rejected: cancelled, fraud, duplicate, test, unpaid, returned, out_of_terms, other or unsaid; empty if it is not.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  rule LowCardinality(String) COMMENT 'The key that decided: exclusive_coupon, click, coupon, customer, partner or view; empty for nobody\'s, and on rows of builds that did not say.'
)
COMMENT 'One row per order, as it is decided now. amount less refunded is revenue, 0 when rejected; an approved order stays so (is_approved) when money goes back; reporting is revenue in the reporting currency; trace says why the partner is who he is.'
AS
SELECT
  at, quarter, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id, event, status, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name,
  if(has_amount, CAST(amount_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)), NULL) AS amount, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue,
  amount_minor, refunded_minor, revenue_minor, currency, matched, unattributed, report_count, time_source,
  first_received_at, last_received_at, payable_at, catalog_version, trace, ver,
  model, path_touches, if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, reason, is_approved, rule
FROM orders_log FINAL
WHERE NOT void
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW credits (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  touched_at DateTime64(3, 'UTC') COMMENT 'When that touch was, UTC.',
  age_ms Int64 COMMENT 'Milliseconds from the touch to the order; negative where it came after.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  partner_id UInt32 COMMENT 'The partner; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'Of his newest touch that counts.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'Of his newest touch that counts; 0 for a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of that touch.',
  device LowCardinality(String) COMMENT 'Of that touch.',
  role LowCardinality(String) COMMENT 'closer, introducer, influencer or assist: what he did for the order, the first of these that fits.',
  status LowCardinality(String) COMMENT 'The order\'s: pending, approved, rejected, partly_refunded, refunded or charged_back.',
  share Decimal(18, 6) COMMENT 'His part of the order, 0 to 1; 0 for an assist. Of an order they add up to 1.',
  share_ppm UInt32 COMMENT 'The same in millionths.',
  revenue Decimal(18, 4) COMMENT 'His part of the order\'s revenue, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  touch_id String COMMENT 'The touch in 32 hex digits: made of its click id, which the views clicks and reports show beside it. Begins with 12 zeros where it is a coupon, a customer or a partner named in a report.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'His part of revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why it is held back: rate_missing, refund_other_currency, fraud; empty if it is not. Share and money stand.',
  assists UInt8 COMMENT '1 where the partner did something for the order and has no share of it.',
  touches UInt32 COMMENT 'How many touches of his did something for the order.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  refunded Decimal(18, 4) COMMENT 'His part of what went back; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  rule LowCardinality(String) COMMENT 'The key by which he could earn (the newest touch\'s): exclusive_coupon, click, coupon, customer, partner or view; where share is above 0, the one that decided. Empty on rows of builds that did not say.'
)
COMMENT 'One row per order and partner who did something for it: his share of the order and of its revenue, 0 for assists. link, country, device, touch: of his newest touch that counts. What the order\'s newest row outdates is left out. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, role, status,
  CAST(share_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS share, share_ppm, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, currency,
  lower(hex(touch_id)) AS touch_id, ver,
  if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, assists, touches,
  is_approved, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, toLowCardinality(multiIf(found NOT IN ('click_id', 'visitor', 'customer_visitor'), toString(found), kind = 'view', 'view', 'click')) AS rule
FROM (
  SELECT
    quarter, advertiser_id, order_id, partner_id, max(c.at) AS at, max(c.ver) AS ver,
    argMax(c.touched_at, newness) AS touched_at, argMax(c.touch_id, newness) AS touch_id, argMax(c.offer_id, newness) AS offer_id,
    argMax(c.link_id, newness) AS link_id, toLowCardinality(argMax(c.country, newness)) AS country,
    toLowCardinality(argMax(c.device, newness)) AS device,
    toLowCardinality(argMin(c.role, role_order)) AS role, toLowCardinality(argMax(c.status, newness)) AS status,
    toUInt32(sum(c.share_ppm)) AS share_ppm, sum(c.revenue_minor) AS revenue_minor, toLowCardinality(argMax(c.currency, newness)) AS currency,
    sum(c.reporting_minor) AS reporting_minor, toLowCardinality(argMax(c.reporting_currency, newness)) AS reporting_currency, argMax(c.rate_e12, newness) AS rate_e12,
    toLowCardinality(argMax(c.hold, newness)) AS hold, toUInt8(sum(c.assists)) AS assists, toUInt32(count()) AS touches,
    argMax(c.is_approved, newness) AS is_approved, sum(c.refunded_minor) AS refunded_minor,
    toLowCardinality(argMax(c.kind, newness)) AS kind, toLowCardinality(argMax(c.found, newness)) AS found
  FROM (
    SELECT *, (share_ppm > 0, touched_at, touch_id) AS newness,
      transform(role, ['closer', 'introducer', 'influencer'], [1, 2, 3], 4) AS role_order
    FROM (SELECT c.* FROM (SELECT * FROM credits_log FINAL WHERE role NOT IN ('', 'none')) AS c LEFT JOIN (SELECT quarter, advertiser_id, order_id, ver AS order_ver FROM orders_log FINAL WHERE 1) AS o USING (quarter, advertiser_id, order_id) WHERE c.ver >= o.order_ver)
  ) AS c
  GROUP BY quarter, advertiser_id, order_id, partner_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW touches (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  touched_at DateTime64(3, 'UTC') COMMENT 'When the touch was, UTC.',
  age_ms Int64 COMMENT 'Milliseconds from the touch to the order; negative where it came after.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  partner_id UInt32 COMMENT 'The partner; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'The offer; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'The link; 0 where it was a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Two letters by ISO 3166 as the proxy in front says; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  kind LowCardinality(String) COMMENT 'click or view; empty on rows of builds that did not say.',
  found LowCardinality(String) COMMENT 'How it was found: click_id, visitor, customer_visitor, exclusive_coupon, coupon, customer or partner.',
  verdict LowCardinality(String) COMMENT 'What became of it: won, older, out_of_window and so on; tributary explain has the words.',
  role LowCardinality(String) COMMENT 'closer, introducer, influencer, assist or none.',
  status LowCardinality(String) COMMENT 'The order\'s: pending, approved, rejected, partly_refunded, refunded or charged_back.',
  share Decimal(18, 6) COMMENT 'Part of the order, 0 to 1; the shares of an order add up to 1.',
  share_ppm UInt32 COMMENT 'The same in millionths.',
  revenue Decimal(18, 4) COMMENT 'Its part of the order\'s revenue, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'Its part of revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why credits are held back: rate_missing, refund_other_currency, fraud; empty if they are not. Shares and money stand.',
  assists UInt8 COMMENT '1 on one row of a partner who did something for the order and has no share of it.',
  touch_id String COMMENT 'The touch in 32 hex digits: made of its click id, which the views clicks and reports show beside it. Begins with 12 zeros where it is a coupon, a customer or a partner named in a report.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  refunded Decimal(18, 4) COMMENT 'Its part of what went back; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  rule LowCardinality(String) COMMENT 'The key by which it could earn: exclusive_coupon, click, coupon, customer, partner or view; where share is above 0, the one that decided. Empty on rows of builds that did not say.'
)
COMMENT 'One row per touch that was weighed for an order, credited or not: what became of it, what it did, how old it was. kind, found and verdict are empty on rows of builds that did not say. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device,
  kind, found, verdict, role, status,
  CAST(share_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS share, share_ppm, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, currency, if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, assists,
  lower(hex(touch_id)) AS touch_id, ver, is_approved, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, toLowCardinality(multiIf(found NOT IN ('click_id', 'visitor', 'customer_visitor'), toString(found), kind = 'view', 'view', 'click')) AS rule
FROM (SELECT c.* FROM (SELECT * FROM credits_log FINAL WHERE quarter = toStartOfInterval(at, INTERVAL 15 MINUTE)) AS c LEFT JOIN (SELECT quarter, advertiser_id, order_id, ver AS order_ver FROM orders_log FINAL WHERE 1) AS o USING (quarter, advertiser_id, order_id) WHERE c.ver >= o.order_ver)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW quarantine (
  written_at DateTime('UTC') COMMENT 'When it was put here, UTC.',
  place String COMMENT 'Where it was read: log and position.',
  reason LowCardinality(String) COMMENT 'Why it was not understood or not stored, by code.',
  event_id String COMMENT 'The record\'s identity in hex; zeros where it could not be read.',
  bytes String COMMENT 'The record.',
  replayed_at Nullable(DateTime('UTC')) COMMENT 'When it was put where it belongs after all; NULL for never.'
)
COMMENT 'Records that could not be stored, with the reason and their bytes. replayed_at: when tributary quarantine replay put it where it belongs; NULL for never.'
AS
SELECT written_at, place, reason, lower(hex(event_id)) AS event_id, bytes, nullIf(replayed_at, toDateTime(0, 'UTC')) AS replayed_at
FROM quarantine_log FINAL;

CREATE OR REPLACE VIEW rollup_quarter (
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then.',
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'By which link; 0 for orders by a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of the click or touch, two letters by ISO 3166; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.',
  clicks UInt32 COMMENT 'Sent on to the shop, bots and previews included.',
  clicks_valid UInt32 COMMENT 'By people, repeats included.',
  clicks_unique UInt32 COMMENT 'By people, without repeats.',
  views UInt32 COMMENT 'Views.',
  visitors UInt32 COMMENT 'Distinct visitors of this row, not to be added up over rows: see the comment of the view.',
  orders Decimal(18, 6) COMMENT 'Credited orders of any status, by share: one that two partners share is 0.5 of each.',
  orders_pending Decimal(18, 6) COMMENT 'Of those, the pending ones.',
  orders_approved Decimal(18, 6) COMMENT 'Of those, the ones that the shop approved, also where money went back since.',
  orders_rejected Decimal(18, 6) COMMENT 'Of those, the rejected ones.',
  orders_partly_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which some money went back; approved ones among orders_approved too.',
  orders_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which all money went back, or a bank took some; approved ones among orders_approved too.',
  revenue Decimal(18, 4) COMMENT 'Amounts less refunds of orders of any status but rejected, by share, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units.',
  revenue_approved Decimal(18, 4) COMMENT 'The part of revenue in orders_approved: what they were worth when approved is revenue_approved + refunded_approved.',
  revenue_approved_minor Int64 COMMENT 'The same in minor units.',
  cr Float64 COMMENT 'orders / clicks_valid; 0 without clicks.',
  epc Float64 COMMENT 'revenue / clicks_valid, in whole units; 0 without clicks.',
  aov Float64 COMMENT 'revenue / orders, in whole units; 0 without orders.',
  assisted_orders UInt64 COMMENT 'Whole orders for which the partner did something without a share.',
  closed_orders UInt64 COMMENT 'Whole orders whose last touch is in this row.',
  path_touches UInt64 COMMENT 'Lengths of the paths of closed_orders, added up.',
  avg_path Float64 COMMENT 'path_touches / closed_orders; 0 without.',
  revenue_reporting Decimal(18, 4) COMMENT 'revenue in the reporting currency, in whole units. What has no amount in it is missing here: see orders_without_rate.',
  orders_charged_back Decimal(18, 6) COMMENT 'Of orders_refunded, the ones of which a bank took some or all.',
  orders_held Decimal(18, 6) COMMENT 'Orders held back for any reason, by share: see hold in orders.',
  orders_without_rate Decimal(18, 6) COMMENT 'Of those, the ones that had no rate into the reporting currency and are missing in revenue_reporting.',
  refunded Decimal(18, 4) COMMENT 'What went back of orders, by share, in whole units of currency; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  refunded_approved Decimal(18, 4) COMMENT 'The part of refunded in orders_approved.',
  refunded_approved_minor Int64 COMMENT 'The same in minor units.'
)
COMMENT 'Clicks and credited orders by quarter of an hour (UTC). clicks: sent on to the shop, bots and previews included. clicks_valid: by people. clicks_unique: without repeats. orders: credited, of any status, by share. orders_approved stay so when money goes back; what went back is refunded, and taken off revenue and revenue_approved. cr, epc: orders and revenue per valid click. aov: revenue per order. visitors: of the row, exact, not to be added up.'
AS
SELECT quarter, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, visitors FROM cells FINAL WHERE NOT is_empty)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_hourly (
  hour DateTime('UTC') COMMENT 'The hour that begins then, of the program\'s zone.',
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'By which link; 0 for orders by a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of the click or touch, two letters by ISO 3166; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.',
  clicks UInt64 COMMENT 'Sent on to the shop, bots and previews included.',
  clicks_valid UInt64 COMMENT 'By people, repeats included.',
  clicks_unique UInt64 COMMENT 'By people, without repeats.',
  views UInt64 COMMENT 'Views.',
  visitors UInt64 COMMENT 'Distinct visitors of this row, not to be added up over rows: see the comment of the view.',
  orders Decimal(18, 6) COMMENT 'Credited orders of any status, by share: one that two partners share is 0.5 of each.',
  orders_pending Decimal(18, 6) COMMENT 'Of those, the pending ones.',
  orders_approved Decimal(18, 6) COMMENT 'Of those, the ones that the shop approved, also where money went back since.',
  orders_rejected Decimal(18, 6) COMMENT 'Of those, the rejected ones.',
  orders_partly_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which some money went back; approved ones among orders_approved too.',
  orders_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which all money went back, or a bank took some; approved ones among orders_approved too.',
  revenue Decimal(18, 4) COMMENT 'Amounts less refunds of orders of any status but rejected, by share, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units.',
  revenue_approved Decimal(18, 4) COMMENT 'The part of revenue in orders_approved: what they were worth when approved is revenue_approved + refunded_approved.',
  revenue_approved_minor Int64 COMMENT 'The same in minor units.',
  cr Float64 COMMENT 'orders / clicks_valid; 0 without clicks.',
  epc Float64 COMMENT 'revenue / clicks_valid, in whole units; 0 without clicks.',
  aov Float64 COMMENT 'revenue / orders, in whole units; 0 without orders.',
  assisted_orders UInt64 COMMENT 'Whole orders for which the partner did something without a share.',
  closed_orders UInt64 COMMENT 'Whole orders whose last touch is in this row.',
  path_touches UInt64 COMMENT 'Lengths of the paths of closed_orders, added up.',
  avg_path Float64 COMMENT 'path_touches / closed_orders; 0 without.',
  revenue_reporting Decimal(18, 4) COMMENT 'revenue in the reporting currency, in whole units. What has no amount in it is missing here: see orders_without_rate.',
  orders_charged_back Decimal(18, 6) COMMENT 'Of orders_refunded, the ones of which a bank took some or all.',
  orders_held Decimal(18, 6) COMMENT 'Orders held back for any reason, by share: see hold in orders.',
  orders_without_rate Decimal(18, 6) COMMENT 'Of those, the ones that had no rate into the reporting currency and are missing in revenue_reporting.',
  refunded Decimal(18, 4) COMMENT 'What went back of orders, by share, in whole units of currency; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  refunded_approved Decimal(18, 4) COMMENT 'The part of refunded in orders_approved.',
  refunded_approved_minor Int64 COMMENT 'The same in minor units.'
)
COMMENT 'rollup_quarter by hour of the program. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT hour, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, 'UTC') AS hour, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(refunded_approved_ppm) AS refunded_approved_ppm, sum(charged_back_ppm) AS charged_back_ppm, sum(held_ppm) AS held_ppm, sum(without_rate_ppm) AS without_rate_ppm, sum(refunded_minor) AS refunded_minor, sum(refunded_approved_minor) AS refunded_approved_minor, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_hourly_in
COMMENT 'rollup_hourly in any zone, with its columns: rollup_hourly_in(zone = \'Europe/Berlin\').'
AS
SELECT hour, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, {zone:String}) AS hour, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(refunded_approved_ppm) AS refunded_approved_ppm, sum(charged_back_ppm) AS charged_back_ppm, sum(held_ppm) AS held_ppm, sum(without_rate_ppm) AS without_rate_ppm, sum(refunded_minor) AS refunded_minor, sum(refunded_approved_minor) AS refunded_approved_minor, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW days_behind (
  day Date COMMENT 'The day, of the program\'s zone.'
)
COMMENT 'Days whose quarters were rolled after the day was.'
AS
SELECT day FROM (SELECT toDate(quarter, 'UTC') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW partner_days_behind (
  day Date COMMENT 'The day, of the program\'s zone.'
)
COMMENT 'The same of days by partner.'
AS
SELECT day FROM (SELECT toDate(quarter, 'UTC') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_partner_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_daily (
  day Date COMMENT 'The day, of the program\'s zone.',
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'By which link; 0 for orders by a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of the click or touch, two letters by ISO 3166; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.',
  clicks UInt64 COMMENT 'Sent on to the shop, bots and previews included.',
  clicks_valid UInt64 COMMENT 'By people, repeats included.',
  clicks_unique UInt64 COMMENT 'By people, without repeats.',
  views UInt64 COMMENT 'Views.',
  visitors UInt64 COMMENT 'Distinct visitors of this row, not to be added up over rows: see the comment of the view.',
  orders Decimal(18, 6) COMMENT 'Credited orders of any status, by share: one that two partners share is 0.5 of each.',
  orders_pending Decimal(18, 6) COMMENT 'Of those, the pending ones.',
  orders_approved Decimal(18, 6) COMMENT 'Of those, the ones that the shop approved, also where money went back since.',
  orders_rejected Decimal(18, 6) COMMENT 'Of those, the rejected ones.',
  orders_partly_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which some money went back; approved ones among orders_approved too.',
  orders_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which all money went back, or a bank took some; approved ones among orders_approved too.',
  revenue Decimal(18, 4) COMMENT 'Amounts less refunds of orders of any status but rejected, by share, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units.',
  revenue_approved Decimal(18, 4) COMMENT 'The part of revenue in orders_approved: what they were worth when approved is revenue_approved + refunded_approved.',
  revenue_approved_minor Int64 COMMENT 'The same in minor units.',
  cr Float64 COMMENT 'orders / clicks_valid; 0 without clicks.',
  epc Float64 COMMENT 'revenue / clicks_valid, in whole units; 0 without clicks.',
  aov Float64 COMMENT 'revenue / orders, in whole units; 0 without orders.',
  assisted_orders UInt64 COMMENT 'Whole orders for which the partner did something without a share.',
  closed_orders UInt64 COMMENT 'Whole orders whose last touch is in this row.',
  path_touches UInt64 COMMENT 'Lengths of the paths of closed_orders, added up.',
  avg_path Float64 COMMENT 'path_touches / closed_orders; 0 without.',
  revenue_reporting Decimal(18, 4) COMMENT 'revenue in the reporting currency, in whole units. What has no amount in it is missing here: see orders_without_rate.',
  orders_charged_back Decimal(18, 6) COMMENT 'Of orders_refunded, the ones of which a bank took some or all.',
  orders_held Decimal(18, 6) COMMENT 'Orders held back for any reason, by share: see hold in orders.',
  orders_without_rate Decimal(18, 6) COMMENT 'Of those, the ones that had no rate into the reporting currency and are missing in revenue_reporting.',
  refunded Decimal(18, 4) COMMENT 'What went back of orders, by share, in whole units of currency; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  refunded_approved Decimal(18, 4) COMMENT 'The part of refunded in orders_approved.',
  refunded_approved_minor Int64 COMMENT 'The same in minor units.'
)
COMMENT 'rollup_quarter by day of the program. visitors: of the row, error 1.6 %, at most a minute old for days still growing, not to be added up.'
AS
WITH (SELECT groupArray(day) FROM days_behind) AS behind
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (
  SELECT day, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, toUInt64(visitors) AS visitors
  FROM cells_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT day, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(refunded_approved_ppm) AS refunded_approved_ppm, sum(charged_back_ppm) AS charged_back_ppm, sum(held_ppm) AS held_ppm, sum(without_rate_ppm) AS without_rate_ppm, sum(refunded_minor) AS refunded_minor, sum(refunded_approved_minor) AS refunded_approved_minor, max(visitors) AS visitors
  FROM (
    SELECT toDate(quarter, 'UTC') AS day, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, toUInt64(0) AS visitors, 1 AS is_quarter
    FROM cells FINAL WHERE has(behind, toDate(quarter, 'UTC')) AND quarter >= if(empty(behind), toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(toString(arrayMin(behind)), 'UTC')) AND NOT is_empty
    UNION ALL
    SELECT day, partner_id, offer_id, link_id, country, device, currency, 0 AS clicks, 0 AS clicks_valid, 0 AS clicks_unique, 0 AS views, 0 AS pending_ppm, 0 AS approved_ppm, 0 AS rejected_ppm, 0 AS partly_refunded_ppm, 0 AS refunded_ppm, 0 AS revenue_minor, 0 AS revenue_approved_minor, 0 AS assisted_orders, 0 AS closed_orders, 0 AS path_touches, 0 AS reporting_e4, 0 AS refunded_approved_ppm, 0 AS charged_back_ppm, 0 AS held_ppm, 0 AS without_rate_ppm, 0 AS refunded_minor, 0 AS refunded_approved_minor, toUInt64(visitors) AS visitors, 0 AS is_quarter
    FROM cells_day FINAL WHERE has(behind, day) AND NOT is_empty
  )
  GROUP BY day, partner_id, offer_id, link_id, country, device, currency
  HAVING max(is_quarter) = 1
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_daily_in
COMMENT 'rollup_daily in any zone, with its columns. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (
  SELECT toDate(quarter, {zone:String}) AS day, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(refunded_approved_ppm) AS refunded_approved_ppm, sum(charged_back_ppm) AS charged_back_ppm, sum(held_ppm) AS held_ppm, sum(without_rate_ppm) AS without_rate_ppm, sum(refunded_minor) AS refunded_minor, sum(refunded_approved_minor) AS refunded_approved_minor, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY day, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW partner_daily (
  day Date COMMENT 'The day, of the program\'s zone.',
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.',
  clicks UInt64 COMMENT 'Sent on to the shop, bots and previews included.',
  clicks_valid UInt64 COMMENT 'By people, repeats included.',
  clicks_unique UInt64 COMMENT 'By people, without repeats.',
  views UInt64 COMMENT 'Views.',
  visitors UInt64 COMMENT 'Distinct visitors of this row, not to be added up over rows: see the comment of the view.',
  orders Decimal(18, 6) COMMENT 'Credited orders of any status, by share: one that two partners share is 0.5 of each.',
  orders_pending Decimal(18, 6) COMMENT 'Of those, the pending ones.',
  orders_approved Decimal(18, 6) COMMENT 'Of those, the ones that the shop approved, also where money went back since.',
  orders_rejected Decimal(18, 6) COMMENT 'Of those, the rejected ones.',
  orders_partly_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which some money went back; approved ones among orders_approved too.',
  orders_refunded Decimal(18, 6) COMMENT 'Of those, the ones of which all money went back, or a bank took some; approved ones among orders_approved too.',
  revenue Decimal(18, 4) COMMENT 'Amounts less refunds of orders of any status but rejected, by share, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units.',
  revenue_approved Decimal(18, 4) COMMENT 'The part of revenue in orders_approved: what they were worth when approved is revenue_approved + refunded_approved.',
  revenue_approved_minor Int64 COMMENT 'The same in minor units.',
  cr Float64 COMMENT 'orders / clicks_valid; 0 without clicks.',
  epc Float64 COMMENT 'revenue / clicks_valid, in whole units; 0 without clicks.',
  aov Float64 COMMENT 'revenue / orders, in whole units; 0 without orders.',
  assisted_orders UInt64 COMMENT 'Whole orders for which the partner did something without a share.',
  closed_orders UInt64 COMMENT 'Whole orders whose last touch is in this row.',
  path_touches UInt64 COMMENT 'Lengths of the paths of closed_orders, added up.',
  avg_path Float64 COMMENT 'path_touches / closed_orders; 0 without.',
  revenue_reporting Decimal(18, 4) COMMENT 'revenue in the reporting currency, in whole units. What has no amount in it is missing here: see orders_without_rate.',
  orders_charged_back Decimal(18, 6) COMMENT 'Of orders_refunded, the ones of which a bank took some or all.',
  orders_held Decimal(18, 6) COMMENT 'Orders held back for any reason, by share: see hold in orders.',
  orders_without_rate Decimal(18, 6) COMMENT 'Of those, the ones that had no rate into the reporting currency and are missing in revenue_reporting.',
  refunded Decimal(18, 4) COMMENT 'What went back of orders, by share, in whole units of currency; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  refunded_approved Decimal(18, 4) COMMENT 'The part of refunded in orders_approved.',
  refunded_approved_minor Int64 COMMENT 'The same in minor units.'
)
COMMENT 'rollup_daily by partner and currency. visitors: distinct over the day and all currencies, error 1.6 %, seconds old for days still growing; not to be added up over days (merge uniques_day.state for that).'
AS
WITH (SELECT groupArray(day) FROM partner_days_behind) AS behind
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST((approved_ppm + refunded_approved_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting, CAST(charged_back_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_charged_back, CAST(held_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_held, CAST(without_rate_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_without_rate, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, refunded_minor, CAST(refunded_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded_approved, refunded_approved_minor
FROM (
  SELECT day, partner_id, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, refunded_approved_ppm, charged_back_ppm, held_ppm, without_rate_ppm, refunded_minor, refunded_approved_minor FROM cells_partner_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT toDate(quarter, 'UTC') AS day, partner_id, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(refunded_approved_ppm) AS refunded_approved_ppm, sum(charged_back_ppm) AS charged_back_ppm, sum(held_ppm) AS held_ppm, sum(without_rate_ppm) AS without_rate_ppm, sum(refunded_minor) AS refunded_minor, sum(refunded_approved_minor) AS refunded_approved_minor FROM cells FINAL
  WHERE has(behind, toDate(quarter, 'UTC')) AND quarter >= if(empty(behind), toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(toString(arrayMin(behind)), 'UTC')) AND NOT is_empty
  GROUP BY day, partner_id, currency
) AS sums
LEFT JOIN (SELECT day, partner_id, visitors FROM uniques_day FINAL) AS uniques USING (day, partner_id)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW audit (
  at DateTime64(3, 'UTC') COMMENT 'When it was checked, UTC.',
  what LowCardinality(String) COMMENT 'sequences, cells or orders: what was compared; retired and complete: what is known of writers.',
  subject String COMMENT 'The writer and its life; of complete until when.',
  expected UInt64 COMMENT 'How many there should be.',
  found UInt64 COMMENT 'How many there are, or are right.',
  ok UInt8 COMMENT '1 where the two agree.',
  detail String COMMENT 'What is missing or wrong, the first few.'
)
COMMENT 'What the last audit found: sequences spooled and stored by writer, cells compared with facts.'
AS
SELECT at, what, subject, expected, found, expected = found AS ok, detail
FROM audit_log FINAL
WHERE at = (SELECT max(at) FROM audit_log);
