-- How an order was shared, and what it is worth in the program's reporting currency. Rows of before say neither: their defaults do not count.

ALTER TABLE orders_log
  ADD COLUMN IF NOT EXISTS model LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS path_touches UInt16 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_currency LowCardinality(String) DEFAULT '',
  -- Units of the reporting currency for one of the order's, in parts of 10^-12.
  ADD COLUMN IF NOT EXISTS rate_e12 UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hold LowCardinality(String) DEFAULT '';

ALTER TABLE credits_log
  ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS found LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS verdict LowCardinality(String) DEFAULT '',
  -- 1 on one row of an order and a partner who has a role and no share.
  ADD COLUMN IF NOT EXISTS assists UInt8 DEFAULT 0,
  -- On the closer's row alone.
  ADD COLUMN IF NOT EXISTS path_touches UInt16 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_minor Int64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reporting_currency LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS rate_e12 UInt64 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hold LowCardinality(String) DEFAULT '';
