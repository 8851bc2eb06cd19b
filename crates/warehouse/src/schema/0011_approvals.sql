-- What was approved stays so when money goes back; what went back is shared like the revenue; the key that decided; and, in cells, what is held back
-- or has no amount in the reporting currency. Rows of before know an approval only where nothing went back, and no shares of refunds.

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
