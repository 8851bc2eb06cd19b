-- Why a rejected order is.

ALTER TABLE orders_log ADD COLUMN IF NOT EXISTS reason LowCardinality(String) DEFAULT '';
