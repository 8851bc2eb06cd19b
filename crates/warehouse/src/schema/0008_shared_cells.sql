-- Sums of what 0007 brought. Amounts in the reporting currency are in ten-thousandths, so that they add up whatever its minor unit is.

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
