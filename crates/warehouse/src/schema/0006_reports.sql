-- What a report says besides: more coupons than one, the customer's address beside his number, the offer, the checkout, the lines, and why.

ALTER TABLE reports_log
  ADD COLUMN IF NOT EXISTS email_id String DEFAULT '',
  -- All that were reported; `coupon` is the first. Empty in rows of earlier builds, which knew one.
  ADD COLUMN IF NOT EXISTS coupons Array(String) DEFAULT if(coupon = '', [], [coupon]),
  ADD COLUMN IF NOT EXISTS offer_id UInt32 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS checkout_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC'),
  -- A JSON list of product, quantity and minor units, or nothing.
  ADD COLUMN IF NOT EXISTS items String DEFAULT '',
  ADD COLUMN IF NOT EXISTS reason LowCardinality(String) DEFAULT '',
  ADD COLUMN IF NOT EXISTS refund_kind LowCardinality(String) DEFAULT if(statement = 'refund', 'refund', '');
