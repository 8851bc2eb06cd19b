-- When a record in quarantine was understood after all and put where it belongs (`tributary quarantine replay`); the epoch for never.

ALTER TABLE quarantine_log ADD COLUMN IF NOT EXISTS replayed_at DateTime('UTC') DEFAULT 0;
