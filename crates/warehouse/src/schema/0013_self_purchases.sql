-- Who of the partners has the customer's e-mail address, and what a report called a partner that is nobody. Rows of before say neither.

ALTER TABLE reports_log
  ADD COLUMN IF NOT EXISTS self_partner_id UInt32 DEFAULT 0,
  ADD COLUMN IF NOT EXISTS partner_named String DEFAULT '';
