-- Cells: the fold of one quarter's distinct facts. `ver` is the sum of the quarter's marks, read before the facts were.

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
  -- A group that vanished. By itself, so that views need not look at every sum to leave it out.
  is_empty Bool,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, partner_id, offer_id, link_id, country, device, currency)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS rolled (
  quarter DateTime('UTC'),
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY quarter
SETTINGS {durable};

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
  -- Of this cell, not to be added up. As states they would take thirty times the space of all the rest.
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
SETTINGS {durable};

-- Visitors by day and partner, with a standard error of 1.6 %: their number, and the state, which merges over days.
CREATE TABLE IF NOT EXISTS uniques_day (
  day Date,
  partner_id UInt32,
  visitors UInt64,
  state AggregateFunction(uniqCombined64(12), UInt64),
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(day)
ORDER BY (day, partner_id)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS rolled_day (
  day Date,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY day
SETTINGS {durable};
