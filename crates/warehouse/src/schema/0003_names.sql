-- Names of the newest catalog, looked up by `joinGet` in the views; a look-up costs nothing where the column is not selected.

CREATE TABLE IF NOT EXISTS partner_names (partner_id UInt32, name String, kind String, status String)
ENGINE = Join(ANY, LEFT, partner_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS offer_names (offer_id UInt32, name String, advertiser_id UInt32, status String)
ENGINE = Join(ANY, LEFT, offer_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS advertiser_names (advertiser_id UInt32, name String, status String)
ENGINE = Join(ANY, LEFT, advertiser_id) SETTINGS join_any_take_last_row = 1;

CREATE TABLE IF NOT EXISTS link_names (link_id UInt32, code String, status String)
ENGINE = Join(ANY, LEFT, link_id) SETTINGS join_any_take_last_row = 1;

-- Facts about the warehouse itself: the zone of its days, the first quarter that is still rolled.
CREATE TABLE IF NOT EXISTS program (
  key String,
  value String,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY key
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS audit_log (
  at DateTime64(3, 'UTC'),
  what LowCardinality(String),
  subject String,
  expected UInt64,
  found UInt64,
  detail String
) ENGINE = ReplacingMergeTree
ORDER BY (at, what, subject)
SETTINGS {durable};

-- Where the start-up self-test inserts the same rows twice: the first must hold both, the second count one.
CREATE TABLE IF NOT EXISTS self_test_stored (
  run UInt64,
  n UInt64
) ENGINE = MergeTree
ORDER BY (run, n)
SETTINGS {durable};

CREATE TABLE IF NOT EXISTS self_test_distinct (
  run UInt64,
  n UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (run, n)
SETTINGS {durable};
