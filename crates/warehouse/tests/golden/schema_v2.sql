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

CREATE OR REPLACE VIEW clicks
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

CREATE OR REPLACE VIEW reports
COMMENT 'One row per message of a shop about an order, as it came.'
AS
SELECT
  received_at, nullIf(reported_at, toDateTime64(0, 3, 'UTC')) AS reported_at, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  channel, event, click_id, refused_click, refused_reason,
  if(visitor_id = 0, '', lower(leftPad(hex(visitor_id), 16, '0'))) AS visitor_id, customer_id, email_id,
  coupon, coupons, partner_id, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, statement, refund_id, refund_kind, if(has_amount, CAST(amount_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)), NULL) AS amount, amount_minor, currency, items, status, reason,
  new_customer, nullIf(checkout_at, toDateTime64(0, 3, 'UTC')) AS checkout_at, delivery, catalog_version, lower(hex(event_id)) AS event_id, writer, incarnation, sequence
FROM reports_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW orders
COMMENT 'One row per order, as it is decided now. amount less refunded is revenue, 0 when rejected; reporting is that in the reporting currency; trace says why the partner is who he is.'
AS
SELECT
  at, quarter, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id, event, status, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name,
  if(has_amount, CAST(amount_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)), NULL) AS amount, CAST(refunded_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue,
  amount_minor, refunded_minor, revenue_minor, currency, matched, unattributed, report_count, time_source,
  first_received_at, last_received_at, payable_at, catalog_version, trace, ver,
  model, path_touches, if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, reason
FROM orders_log FINAL
WHERE NOT void
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW credits
COMMENT 'One row per order and partner who did something for it: his share of the order and of its revenue, 0 for assists. link, country, device, touch: of his newest touch that counts. What the order\'s newest row outdates is left out. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, role, status,
  CAST(share_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS share, share_ppm, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, currency,
  lower(hex(touch_id)) AS touch_id, ver,
  if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, assists, touches
FROM (
  SELECT
    quarter, advertiser_id, order_id, partner_id, max(c.at) AS at, max(c.ver) AS ver,
    argMax(c.touched_at, newness) AS touched_at, argMax(c.touch_id, newness) AS touch_id, argMax(c.offer_id, newness) AS offer_id,
    argMax(c.link_id, newness) AS link_id, toLowCardinality(argMax(c.country, newness)) AS country,
    toLowCardinality(argMax(c.device, newness)) AS device,
    toLowCardinality(argMin(c.role, role_order)) AS role, toLowCardinality(argMax(c.status, newness)) AS status,
    toUInt32(sum(c.share_ppm)) AS share_ppm, sum(c.revenue_minor) AS revenue_minor, toLowCardinality(argMax(c.currency, newness)) AS currency,
    sum(c.reporting_minor) AS reporting_minor, toLowCardinality(argMax(c.reporting_currency, newness)) AS reporting_currency, argMax(c.rate_e12, newness) AS rate_e12,
    toLowCardinality(argMax(c.hold, newness)) AS hold, toUInt8(sum(c.assists)) AS assists, toUInt32(count()) AS touches
  FROM (
    SELECT *, (share_ppm > 0, touched_at, touch_id) AS newness,
      transform(role, ['closer', 'introducer', 'influencer'], [1, 2, 3], 4) AS role_order
    FROM (SELECT c.* FROM (SELECT * FROM credits_log FINAL WHERE role NOT IN ('', 'none')) AS c LEFT JOIN (SELECT quarter, advertiser_id, order_id, ver AS order_ver FROM orders_log FINAL WHERE 1) AS o USING (quarter, advertiser_id, order_id) WHERE c.ver >= o.order_ver)
  ) AS c
  GROUP BY quarter, advertiser_id, order_id, partner_id
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW touches
COMMENT 'One row per touch that was weighed for an order, credited or not: what became of it, what it did, how old it was. kind, found and verdict are empty on rows of builds that did not say. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, joinGet('tributary.advertiser_names', 'name', advertiser_id) AS advertiser_name, order_id,
  partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device,
  kind, found, verdict, role, status,
  CAST(share_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS share, share_ppm, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, currency, if(reporting_currency = '', NULL, CAST(reporting_minor * transform(reporting_currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) AS reporting, reporting_minor, reporting_currency, if(rate_e12 = 0, NULL, CAST(rate_e12 AS Decimal(38, 0)) * CAST('0.000000000001' AS Decimal(38, 12))) AS rate, hold, assists,
  lower(hex(touch_id)) AS touch_id, ver
FROM (SELECT c.* FROM (SELECT * FROM credits_log FINAL WHERE quarter = toStartOfInterval(at, INTERVAL 15 MINUTE)) AS c LEFT JOIN (SELECT quarter, advertiser_id, order_id, ver AS order_ver FROM orders_log FINAL WHERE 1) AS o USING (quarter, advertiser_id, order_id) WHERE c.ver >= o.order_ver)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW quarantine
COMMENT 'Records that could not be stored, with the reason and their bytes. replayed_at: when tributary quarantine replay put it where it belongs; NULL for never.'
AS
SELECT written_at, place, reason, lower(hex(event_id)) AS event_id, bytes, nullIf(replayed_at, toDateTime(0, 'UTC')) AS replayed_at
FROM quarantine_log FINAL;

CREATE OR REPLACE VIEW rollup_quarter
COMMENT 'Clicks and credited orders by quarter of an hour (UTC). clicks: sent on to the shop, bots and previews included. clicks_valid: by people. clicks_unique: without repeats. orders: credited, of any status, by share. cr, epc: orders and revenue per valid click. aov: revenue per order. visitors: of the row, exact, not to be added up.'
AS
SELECT quarter, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, visitors FROM cells FINAL WHERE NOT is_empty)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_hourly
COMMENT 'rollup_quarter by hour of the program. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT hour, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, 'UTC') AS hour, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_hourly_in
COMMENT 'rollup_hourly in any zone: rollup_hourly_in(zone = \'Europe/Berlin\').'
AS
SELECT hour, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, {zone:String}) AS hour, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW days_behind
COMMENT 'Days whose quarters were rolled after the day was.'
AS
SELECT day FROM (SELECT toDate(quarter, 'UTC') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW partner_days_behind
COMMENT 'The same of days by partner.'
AS
SELECT day FROM (SELECT toDate(quarter, 'UTC') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_partner_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_daily
COMMENT 'rollup_quarter by day of the program. visitors: of the row, error 1.6 %, at most a minute old for days still growing, not to be added up.'
AS
WITH (SELECT groupArray(day) FROM days_behind) AS behind
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (
  SELECT day, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, toUInt64(visitors) AS visitors
  FROM cells_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT day, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, max(visitors) AS visitors
  FROM (
    SELECT toDate(quarter, 'UTC') AS day, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, toUInt64(0) AS visitors, 1 AS is_quarter
    FROM cells FINAL WHERE has(behind, toDate(quarter, 'UTC')) AND quarter >= if(empty(behind), toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(toString(arrayMin(behind)), 'UTC')) AND NOT is_empty
    UNION ALL
    SELECT day, partner_id, offer_id, link_id, country, device, currency, 0 AS clicks, 0 AS clicks_valid, 0 AS clicks_unique, 0 AS views, 0 AS pending_ppm, 0 AS approved_ppm, 0 AS rejected_ppm, 0 AS partly_refunded_ppm, 0 AS refunded_ppm, 0 AS revenue_minor, 0 AS revenue_approved_minor, 0 AS assisted_orders, 0 AS closed_orders, 0 AS path_touches, 0 AS reporting_e4, toUInt64(visitors) AS visitors, 0 AS is_quarter
    FROM cells_day FINAL WHERE has(behind, day) AND NOT is_empty
  )
  GROUP BY day, partner_id, offer_id, link_id, country, device, currency
  HAVING max(is_quarter) = 1
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW rollup_daily_in
COMMENT 'rollup_daily in any zone. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, offer_id, joinGet('tributary.offer_names', 'name', offer_id) AS offer_name, link_id, joinGet('tributary.link_names', 'code', link_id) AS link_code, country, device, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (
  SELECT toDate(quarter, {zone:String}) AS day, partner_id, offer_id, link_id, country, device, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4, sum(visitors) AS visitors
  FROM (SELECT quarter, partner_id, offer_id, link_id, country, device, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY day, partner_id, offer_id, link_id, country, device, currency
)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW partner_daily
COMMENT 'rollup_daily by partner and currency. visitors: distinct over the day and all currencies, error 1.6 %, seconds old for days still growing; not to be added up over days (merge uniques_day.state for that).'
AS
WITH (SELECT groupArray(day) FROM partner_days_behind) AS behind
SELECT day, partner_id, joinGet('tributary.partner_names', 'name', partner_id) AS partner_name, joinGet('tributary.partner_names', 'kind', partner_id) AS partner_kind, currency, clicks, clicks_valid, clicks_unique, views, visitors, CAST((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders, CAST(pending_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_pending, CAST(approved_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_approved, CAST(rejected_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_rejected, CAST(partly_refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_partly_refunded, CAST(refunded_ppm AS Decimal(18, 0)) * CAST('0.000001' AS Decimal(18, 6)) AS orders_refunded, CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue, revenue_minor, CAST(revenue_approved_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_approved, revenue_approved_minor, if(clicks_valid = 0, 0, (pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000 / clicks_valid) AS cr, if(clicks_valid = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / clicks_valid) AS epc, if(((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000) = 0, 0, toFloat64(CAST(revenue_minor * transform(currency, ['BHD', 'BIF', 'CLF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JOD', 'JPY', 'KMF', 'KRW', 'KWD', 'LYD', 'OMR', 'PYG', 'RWF', 'TND', 'UGX', 'UYI', 'UYW', 'VND', 'VUV', 'XAF', 'XPF', 'XOF'], [10, 10000, 1, 10000, 10000, 10000, 10, 10000, 10, 10000, 10000, 10000, 10, 10, 10, 10000, 10000, 10, 10000, 10000, 1, 10000, 10000, 10000, 10000, 10000], 100) AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4))) / ((pending_ppm + approved_ppm + rejected_ppm + partly_refunded_ppm + refunded_ppm) / 1000000)) AS aov, assisted_orders, closed_orders, path_touches, if(closed_orders = 0, 0, path_touches / closed_orders) AS avg_path, CAST(reporting_e4 AS Decimal(18, 0)) * CAST('0.0001' AS Decimal(18, 4)) AS revenue_reporting
FROM (
  SELECT day, partner_id, currency, clicks, clicks_valid, clicks_unique, views, pending_ppm, approved_ppm, rejected_ppm, partly_refunded_ppm, refunded_ppm, revenue_minor, revenue_approved_minor, assisted_orders, closed_orders, path_touches, reporting_e4 FROM cells_partner_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT toDate(quarter, 'UTC') AS day, partner_id, currency, sum(clicks) AS clicks, sum(clicks_valid) AS clicks_valid, sum(clicks_unique) AS clicks_unique, sum(views) AS views, sum(pending_ppm) AS pending_ppm, sum(approved_ppm) AS approved_ppm, sum(rejected_ppm) AS rejected_ppm, sum(partly_refunded_ppm) AS partly_refunded_ppm, sum(refunded_ppm) AS refunded_ppm, sum(revenue_minor) AS revenue_minor, sum(revenue_approved_minor) AS revenue_approved_minor, sum(assisted_orders) AS assisted_orders, sum(closed_orders) AS closed_orders, sum(path_touches) AS path_touches, sum(reporting_e4) AS reporting_e4 FROM cells FINAL
  WHERE has(behind, toDate(quarter, 'UTC')) AND quarter >= if(empty(behind), toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(toString(arrayMin(behind)), 'UTC')) AND NOT is_empty
  GROUP BY day, partner_id, currency
) AS sums
LEFT JOIN (SELECT day, partner_id, visitors FROM uniques_day FINAL) AS uniques USING (day, partner_id)
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0, prefer_column_name_to_alias = 0;

CREATE OR REPLACE VIEW audit
COMMENT 'What the last audit found: sequences spooled and stored by writer, cells compared with facts.'
AS
SELECT at, what, subject, expected, found, expected = found AS ok, detail
FROM audit_log FINAL
WHERE at = (SELECT max(at) FROM audit_log);
