-- Days by partner: a hundredth of the day cells, for the report that is asked for most, and cheap enough to be rolled every few seconds.
-- Rolled from quarter cells like `cells_day`, together with `uniques_day`, and noted apart, so that neither waits for the other.

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
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS rolled_partner_day (
  day Date,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY day
SETTINGS {durable};
